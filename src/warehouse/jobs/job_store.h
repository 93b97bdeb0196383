#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "host/cancellation.h"
#include "host/clock.h"
#include "warehouse/jobs/job.h"
#include "warehouse/table_writer.h"

namespace afluente::warehouse::jobs {

// All jobs that are known, a bounded number: the oldest finished ones go. Durable jobs are on disk
// before Add answers; others, and the ends of reading jobs, follow within a moment. After a restart
// what had not ended has failed as interrupted. Thread-safe.
class JobStore {
 public:
  JobStore(TableWriter& writer, const host::Clock& clock);
  ~JobStore();

  // Reads the jobs of earlier runs; before anything else.
  absl::Status Open();

  // ALREADY_EXISTS when the project has a job of that id; RESOURCE_EXHAUSTED when too many run.
  absl::Status Add(const Job& job, bool durable);
  std::optional<Job> Find(const std::string& project, const std::string& id) const;
  // The newest first.
  std::vector<Job> List(const std::string& project) const;
  void SetRunning(const Job& job);
  // The job is done; whoever waits for it is told. `recorded`: its record has been committed.
  void Finish(const Job& job, bool recorded);
  // NOT_FOUND, or FAILED_PRECONDITION while it runs.
  absl::Status Remove(const std::string& project, const std::string& id);

  // Given to the work of a job; nullptr when there is no such job.
  std::shared_ptr<host::Cancellation> CancellationOf(const std::string& project,
                                                     const std::string& id) const;
  // Calls `then` once, on some thread: when the job is done, or at `deadline` as it is then.
  void WhenDone(const std::string& project, const std::string& id, host::MonotonicTime deadline,
                absl::AnyInvocable<void(const Job&)> then);

  // What makes a job durable when it commits with the job's own effects.
  static RecordChange RecordOf(const Job& job);

 private:
  using Key = std::pair<std::string, std::string>;
  struct Waiter {
    host::MonotonicTime deadline;
    absl::AnyInvocable<void(const Job&)> then;
  };
  struct Entry {
    Job job;
    std::shared_ptr<host::Cancellation> cancellation;
    std::vector<Waiter> waiters;
  };
  void Loop();
  void EvictLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Flush();
  void TellLate(host::MonotonicTime now);

  TableWriter& writer_;
  const host::Clock& clock_;
  mutable absl::Mutex mutex_;
  absl::CondVar changed_;
  std::map<Key, Entry> jobs_ ABSL_GUARDED_BY(mutex_);
  std::deque<Key> by_age_ ABSL_GUARDED_BY(mutex_);
  std::multimap<host::MonotonicTime, Key> deadlines_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::optional<std::string>> unwritten_ ABSL_GUARDED_BY(mutex_);
  size_t active_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace afluente::warehouse::jobs
