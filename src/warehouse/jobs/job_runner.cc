#include "warehouse/jobs/job_runner.h"

#include <utility>

#include "host/worker_pool.h"
#include "warehouse/jobs/job_store.h"
#include "warehouse/jobs/job_work.h"

namespace afluente::warehouse::jobs {
namespace {

constexpr int kThreads = 8;
constexpr size_t kWaitingMax = 1'000;

}  // namespace

int64_t NowMs(const host::Clock& clock) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(clock.Now().time_since_epoch())
      .count();
}

RecordChange EndedRecord(const host::Clock& clock, Job& job) {
  job.ended_ms = NowMs(clock);
  Job ended = job;
  ended.state = JobState::kDone;
  return JobStore::RecordOf(ended);
}

// Members are destroyed from the last up: the work uses what stands above it.
struct JobRunner::State {
  State(Warehouse& warehouse, TableWriter& writer, Catalog& catalog, const host::Clock& clock,
        host::FileSystem& files)
      : results(files, writer.staging_directory()),
        sizes(warehouse, catalog),
        ports{warehouse, writer, catalog, clock, files, results, sizes},
        store(writer, clock),
        workers(kThreads, kWaitingMax) {}

  ResultStore results;
  TableSizes sizes;
  const JobPorts ports;
  JobStore store;
  host::WorkerPool workers;
};

JobRunner::JobRunner(Warehouse& warehouse, TableWriter& writer, Catalog& catalog,
                     const host::Clock& clock, host::FileSystem& files)
    : state_(std::make_unique<State>(warehouse, writer, catalog, clock, files)) {}
JobRunner::~JobRunner() = default;

absl::Status JobRunner::Open() { return state_->store.Open(); }
JobStore& JobRunner::store() { return state_->store; }
const JobPorts& JobRunner::ports() const { return state_->ports; }

absl::Status JobRunner::Start(Job job, bool durable, std::string upload) {
  job.created_ms = NowMs(state_->ports.clock);
  job.started_ms = job.created_ms;
  const absl::Status added = state_->store.Add(job, durable);
  if (!added.ok()) return added;
  JobRun run;
  run.job = job;
  run.cancellation = state_->store.CancellationOf(job.project, job.id);
  run.upload = std::move(upload);
  const bool taken =
      state_->workers.Submit([this, run = std::move(run)]() mutable { this->Run(run); });
  if (taken) return absl::OkStatus();
  const absl::Status full = absl::ResourceExhaustedError("too many jobs wait to run");
  job.state = JobState::kDone;
  job.ended_ms = NowMs(state_->ports.clock);
  job.error = ToJobError(full, false);
  state_->store.Finish(job, false);
  return full;
}

void JobRunner::Run(JobRun& run) {
  run.job.state = JobState::kRunning;
  run.job.started_ms = NowMs(state_->ports.clock);
  state_->store.SetRunning(run.job);
  absl::Status status = absl::CancelledError(
      "Job execution was cancelled: User requested "
      "cancellation");
  const bool query = run.job.kind == "QUERY";
  if (run.cancellation == nullptr || !run.cancellation->cancelled()) {
    status = query                    ? RunQueryJob(state_->ports, run)
             : run.job.kind == "LOAD" ? RunLoadJob(state_->ports, run)
             : run.job.kind == "COPY" ? RunCopyJob(state_->ports, run)
                                      : RunExtractJob(state_->ports, run);
  }
  if (!run.upload.empty()) {
    state_->ports.files.Remove(state_->ports.writer.staging_directory() + "/" + run.upload)
        .IgnoreError();
  }
  run.job.state = JobState::kDone;
  const bool recorded = status.ok() && run.recorded;
  if (!recorded) run.job.ended_ms = NowMs(state_->ports.clock);
  if (!status.ok()) {
    run.job.error = ToJobError(status, query);
    if (run.job.errors.empty()) run.job.errors.push_back(*run.job.error);
  }
  state_->store.Finish(run.job, recorded);
}

}  // namespace afluente::warehouse::jobs
