#include "warehouse/jobs/job_runner.h"

#include <utility>

#include "warehouse/jobs/json_fields.h"

namespace afluente::warehouse::jobs {
namespace {

constexpr int kThreads = 8;
constexpr size_t kWaitingMax = 1'000;

}  // namespace

int64_t NowMs(const host::Clock& clock) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(clock.Now().time_since_epoch())
      .count();
}

RecordChange EndedRecord(const host::Clock& clock, Job job) {
  job.state = JobState::kDone;
  job.ended_ms = NowMs(clock);
  return JobStore::RecordOf(job);
}

JobRunner::JobRunner(Warehouse& warehouse, TableWriter& writer, Catalog& catalog,
                     const host::Clock& clock, host::FileSystem& files)
    : results_(files, writer.staging_directory()),
      sizes_(warehouse, catalog),
      ports_{warehouse, writer, catalog, clock, files, results_, sizes_},
      store_(writer, clock),
      workers_(kThreads, kWaitingMax) {}

absl::Status JobRunner::Start(Job job, bool durable, std::string upload) {
  job.created_ms = NowMs(ports_.clock);
  job.started_ms = job.created_ms;
  const absl::Status added = store_.Add(job, durable);
  if (!added.ok()) return added;
  JobRun run;
  run.job = job;
  run.cancellation = store_.CancellationOf(job.project, job.id);
  run.upload = std::move(upload);
  const bool taken = workers_.Submit([this, run = std::move(run)]() mutable { this->Run(run); });
  if (taken) return absl::OkStatus();
  const absl::Status full = absl::ResourceExhaustedError("too many jobs wait to run");
  job.state = JobState::kDone;
  job.ended_ms = NowMs(ports_.clock);
  job.error = ToJobError(full, false);
  store_.Finish(job, false);
  return full;
}

void JobRunner::Run(JobRun& run) {
  run.job.state = JobState::kRunning;
  run.job.started_ms = NowMs(ports_.clock);
  store_.SetRunning(run.job);
  absl::Status status = absl::CancelledError(
      "Job execution was cancelled: User requested "
      "cancellation");
  const bool query = run.job.kind == "QUERY";
  if (run.cancellation == nullptr || !run.cancellation->cancelled()) {
    status = query                    ? RunQueryJob(ports_, run)
             : run.job.kind == "LOAD" ? RunLoadJob(ports_, run)
             : run.job.kind == "COPY" ? RunCopyJob(ports_, run)
                                      : RunExtractJob(ports_, run);
  }
  if (!run.upload.empty()) {
    ports_.files.Remove(ports_.writer.staging_directory() + "/" + run.upload).IgnoreError();
  }
  run.job.state = JobState::kDone;
  run.job.ended_ms = NowMs(ports_.clock);
  if (!status.ok()) {
    run.job.error = ToJobError(status, query);
    if (run.job.errors.empty()) run.job.errors.push_back(*run.job.error);
  }
  store_.Finish(run.job, status.ok() && run.recorded);
}

}  // namespace afluente::warehouse::jobs
