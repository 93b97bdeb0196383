#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "broker/topics.h"
#include "event/filter.h"
#include "function/balance.h"
#include "function/state.h"
#include "function/transform.h"
#include "warehouse/warehouse.h"

namespace afluente::telemetry {
class Metrics;
}  // namespace afluente::telemetry

namespace afluente::function {

struct Settings {
  std::string name;
  std::string topic;  // projects/P/topics/T
  std::string filter_text;
  event::Filter filter;
  warehouse::TableName table;
  warehouse::TableName dead_letter_table;
  std::string dead_letter_topic;  // empty = the table alone
  bool start_latest = false;
  size_t batch_messages_max = 8192;
  size_t batch_bytes_max = 8 << 20;
};

// Reads a topic in order and turns each message into exactly one outcome. Owned by roles/; one
// worker thread of its own. Rows, dead letters, counters and the position commit together, so a
// restart goes on right after the last commit and nothing is stored twice.
class Function {
 public:
  // Opens the topic at the committed position, or commits the first one (a new function). DATA_LOSS
  // or OUT_OF_RANGE when the journal is not the one that the position belongs to.
  static absl::StatusOr<std::unique_ptr<Function>> Create(
      Settings settings, std::unique_ptr<Transform> transform, broker::Topics& topics,
      warehouse::Warehouse& warehouse, const host::Clock& clock, telemetry::Metrics& metrics);
  ~Function();  // stops after the batch at hand

  void Start();
  void Stop();

  // Counts the balance from the journal, the table and the counters. Blocks; safe while running.
  absl::StatusOr<Balance> Check();
  // Messages after the position, matching or not; 0 = caught up.
  uint64_t backlog() const;
  // When the last message that it has decided was published: what came until then is in the table,
  // if anywhere. nullopt before the first one.
  std::optional<host::WallTime> newest_publish_time() const;
  const Settings& settings() const { return settings_; }

 private:
  struct Instruments;
  Function(Settings settings, std::unique_ptr<Transform> transform, broker::Topics& topics,
           warehouse::Warehouse& warehouse, const host::Clock& clock, telemetry::Metrics& metrics);

  absl::Status Open();
  void Run();
  // One micro-batch; false when nothing was there.
  absl::StatusOr<bool> Step() ABSL_EXCLUSIVE_LOCKS_REQUIRED(step_mutex_);
  warehouse::FunctionCommit Decide(const broker::TopicReader::Batch& batch);
  void Remember(const event::Message& newest);
  void AddDeadLetter(const event::Message& message, std::string error,
                     warehouse::FunctionCommit& commit) const;
  // When the topic was deleted and there is a new one of its name: goes on at its start. False when
  // not.
  absl::StatusOr<bool> FollowNewTopic() ABSL_EXCLUSIVE_LOCKS_REQUIRED(step_mutex_);
  absl::Status Audit(uint64_t through, size_t messages_max)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(step_mutex_);
  void SleepUnlessStopped(std::chrono::milliseconds duration);

  const Settings settings_;
  const std::unique_ptr<Transform> transform_;
  broker::Topics& topics_;
  warehouse::Warehouse& warehouse_;
  const host::Clock& clock_;
  const std::unique_ptr<Instruments> instruments_;

  // Held for one step, so that Check can look between two of them. Taken before mutex_.
  absl::Mutex step_mutex_;
  State state_ ABSL_GUARDED_BY(step_mutex_);
  // Replaced and used by the holder of step_mutex_; others read their ends under reader_mutex_,
  // which is taken last.
  mutable absl::Mutex reader_mutex_;
  std::unique_ptr<broker::TopicReader> reader_;
  std::unique_ptr<broker::TopicReader> audit_reader_;
  std::atomic<uint64_t> position_{0};
  std::atomic<int64_t> newest_publish_micros_{0};  // 0 = unknown

  // Shared with the journal's waiter, which may outlive this function's thread.
  struct Wake;
  const std::shared_ptr<Wake> wake_;
  std::thread worker_;
};

}  // namespace afluente::function
