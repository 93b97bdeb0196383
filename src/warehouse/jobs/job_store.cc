#include "warehouse/jobs/job_store.h"

#include <algorithm>

#include "host/check.h"
#include "schema/text.h"
#include "telemetry/log.h"

namespace afluente::warehouse::jobs {
namespace {

constexpr char kSpace[] = "jobs";
constexpr size_t kJobsMax = 5'000;
constexpr size_t kActiveMax = 1'000;
constexpr size_t kWaitersMax = 100;  // for one job
// How long the record of a job that only read may be on its way.
constexpr absl::Duration kFlushEvery = absl::Milliseconds(200);

std::string KeyOf(const std::string& project, const std::string& id) {
  return schema::Concat(project, ":", id);
}

absl::Status Missing(const std::string& project, const std::string& id) {
  return absl::NotFoundError(schema::Concat("Not found: Job ", project, ":US.", id));
}

}  // namespace

JobStore::JobStore(TableWriter& writer, const host::Clock& clock)
    : writer_(writer), clock_(clock) {}

JobStore::~JobStore() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    changed_.SignalAll();
  }
  if (thread_.joinable()) thread_.join();
}

RecordChange JobStore::RecordOf(const Job& job) {
  return {kSpace, KeyOf(job.project, job.id), JobToJson(job)};
}

absl::Status JobStore::Open() {
  AFLUENTE_ASSIGN_OR_RETURN(std::vector<DurableRecord> records, writer_.Records(kSpace));
  std::vector<Job> known;
  for (const DurableRecord& record : records) {
    Job job;
    AFLUENTE_RETURN_IF_ERROR(JobFromJson(record.value, job));
    known.push_back(std::move(job));
  }
  std::stable_sort(known.begin(), known.end(),
                   [](const Job& a, const Job& b) { return a.created_ms < b.created_ms; });
  const int64_t now =
      std::chrono::duration_cast<std::chrono::milliseconds>(clock_.Now().time_since_epoch())
          .count();
  absl::MutexLock lock(&mutex_);
  for (Job& job : known) {
    if (job.state != JobState::kDone) {
      job.state = JobState::kDone;
      job.ended_ms = now;
      job.error = JobError{"backendError",
                           "The job was interrupted: the server stopped before it ended. Nothing "
                           "of it was stored; run it again.",
                           "interrupted"};
      job.errors = {*job.error};
      unwritten_[KeyOf(job.project, job.id)] = JobToJson(job);
    }
    Key key(job.project, job.id);
    by_age_.push_back(key);
    jobs_[std::move(key)] = {std::move(job), nullptr, {}};
  }
  EvictLocked();
  thread_ = std::thread([this] { Loop(); });
  return absl::OkStatus();
}

absl::Status JobStore::Add(const Job& job, bool durable) {
  const Key key(job.project, job.id);
  {
    absl::MutexLock lock(&mutex_);
    if (jobs_.contains(key)) {
      return absl::AlreadyExistsError(
          schema::Concat("Already Exists: Job ", job.project, ":", job.location, ".", job.id));
    }
    if (active_ >= kActiveMax) {
      return absl::ResourceExhaustedError(
          schema::Concat("too many jobs are running (", kActiveMax, ")"));
    }
    ++active_;
    jobs_[key] = {job, std::make_shared<host::Cancellation>(), {}};
    by_age_.push_back(key);
    EvictLocked();
  }
  if (!durable) return absl::OkStatus();
  TableCommit commit;
  commit.records.push_back(RecordOf(job));
  const absl::Status stored = writer_.Commit(std::move(commit)).status();
  if (stored.ok()) return stored;
  absl::MutexLock lock(&mutex_);
  --active_;
  jobs_.erase(key);
  return stored;
}

// Jobs that still run stay, so that their bound is the other one.
void JobStore::EvictLocked() {
  size_t looked_at = 0;
  while (jobs_.size() > kJobsMax && looked_at++ < by_age_.size()) {
    Key key = std::move(by_age_.front());
    by_age_.pop_front();
    auto found = jobs_.find(key);
    if (found == jobs_.end()) continue;
    if (found->second.job.state != JobState::kDone) {
      by_age_.push_back(std::move(key));
      continue;
    }
    unwritten_[KeyOf(key.first, key.second)] = std::nullopt;
    jobs_.erase(found);
  }
}

std::optional<Job> JobStore::Find(const std::string& project, const std::string& id) const {
  absl::MutexLock lock(&mutex_);
  auto found = jobs_.find(Key(project, id));
  if (found == jobs_.end()) return std::nullopt;
  return found->second.job;
}

std::vector<Job> JobStore::List(const std::string& project) const {
  std::vector<Job> listed;
  absl::MutexLock lock(&mutex_);
  for (auto key = by_age_.rbegin(); key != by_age_.rend(); ++key) {
    if (key->first != project) continue;
    auto found = jobs_.find(*key);
    if (found != jobs_.end()) listed.push_back(found->second.job);
  }
  return listed;
}

void JobStore::SetRunning(const Job& job) {
  absl::MutexLock lock(&mutex_);
  auto found = jobs_.find(Key(job.project, job.id));
  if (found != jobs_.end()) found->second.job = job;
}

void JobStore::Finish(const Job& job, bool recorded) {
  std::vector<Waiter> waiters;
  {
    absl::MutexLock lock(&mutex_);
    auto found = jobs_.find(Key(job.project, job.id));
    if (found == jobs_.end()) return;
    found->second.job = job;
    found->second.cancellation = nullptr;
    waiters = std::move(found->second.waiters);
    found->second.waiters.clear();
    --active_;
    if (!recorded) unwritten_[KeyOf(job.project, job.id)] = JobToJson(job);
    for (const Waiter& waiter : waiters) {
      auto [from, to] = deadlines_.equal_range(waiter.deadline);
      for (; from != to; ++from) {
        if (from->second != found->first) continue;
        deadlines_.erase(from);
        break;
      }
    }
  }
  for (Waiter& waiter : waiters) waiter.then(job);
}

absl::Status JobStore::Remove(const std::string& project, const std::string& id) {
  {
    absl::MutexLock lock(&mutex_);
    auto found = jobs_.find(Key(project, id));
    if (found == jobs_.end()) return Missing(project, id);
    if (found->second.job.state != JobState::kDone) {
      return absl::FailedPreconditionError("a job that runs cannot be deleted");
    }
    jobs_.erase(found);
    std::erase(by_age_, Key(project, id));
    unwritten_.erase(KeyOf(project, id));
  }
  TableCommit commit;
  commit.records.push_back({kSpace, KeyOf(project, id), std::nullopt});
  return writer_.Commit(std::move(commit)).status();
}

std::shared_ptr<host::Cancellation> JobStore::CancellationOf(const std::string& project,
                                                             const std::string& id) const {
  absl::MutexLock lock(&mutex_);
  auto found = jobs_.find(Key(project, id));
  return found == jobs_.end() ? nullptr : found->second.cancellation;
}

void JobStore::WhenDone(const std::string& project, const std::string& id,
                        host::MonotonicTime deadline, absl::AnyInvocable<void(const Job&)> then) {
  Job now;
  {
    absl::MutexLock lock(&mutex_);
    auto found = jobs_.find(Key(project, id));
    if (found != jobs_.end()) now = found->second.job;
    const bool wait = found != jobs_.end() && now.state != JobState::kDone &&
                      deadline > clock_.Monotonic() && found->second.waiters.size() < kWaitersMax &&
                      !stopping_;
    if (wait) {
      found->second.waiters.push_back({deadline, std::move(then)});
      deadlines_.emplace(deadline, found->first);
      if (deadlines_.begin()->first == deadline) changed_.SignalAll();
      return;
    }
  }
  then(now);
}

void JobStore::TellLate(host::MonotonicTime now) {
  std::vector<std::pair<Waiter, Job>> late;
  {
    absl::MutexLock lock(&mutex_);
    while (!deadlines_.empty() && (deadlines_.begin()->first <= now || stopping_)) {
      const Key key = deadlines_.begin()->second;
      const host::MonotonicTime deadline = deadlines_.begin()->first;
      deadlines_.erase(deadlines_.begin());
      auto found = jobs_.find(key);
      if (found == jobs_.end()) continue;
      std::vector<Waiter>& waiters = found->second.waiters;
      auto waiter = std::find_if(waiters.begin(), waiters.end(),
                                 [&](const Waiter& w) { return w.deadline == deadline; });
      if (waiter == waiters.end()) continue;
      late.emplace_back(std::move(*waiter), found->second.job);
      waiters.erase(waiter);
    }
  }
  for (auto& [waiter, job] : late) waiter.then(job);
}

void JobStore::Flush() {
  TableCommit commit;
  {
    absl::MutexLock lock(&mutex_);
    for (auto& [key, value] : unwritten_) commit.records.push_back({kSpace, key, value});
    unwritten_.clear();
  }
  if (commit.records.empty()) return;
  const absl::Status stored = writer_.Commit(std::move(commit)).status();
  if (stored.ok()) return;
  telemetry::Log(telemetry::Severity::kWarning, "jobs' records were not written",
                 {{"error", std::string(stored.message())}});
}

void JobStore::Loop() {
  auto flushed = clock_.Monotonic();
  while (true) {
    bool stop = false;
    {
      absl::MutexLock lock(&mutex_);
      if (!stopping_) {
        absl::Duration wait = kFlushEvery;
        if (!deadlines_.empty()) {
          wait = std::min(wait, absl::FromChrono(deadlines_.begin()->first - clock_.Monotonic()));
        }
        changed_.WaitWithTimeout(&mutex_, std::max(wait, absl::ZeroDuration()));
      }
      stop = stopping_;
    }
    const auto now = clock_.Monotonic();
    TellLate(now);
    if (stop || now >= flushed + absl::ToChronoMilliseconds(kFlushEvery)) {
      Flush();
      flushed = now;
    }
    if (stop) return;
  }
}

}  // namespace afluente::warehouse::jobs
