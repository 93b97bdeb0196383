#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "function/balance.h"
#include "function/dead_letter_log.h"
#include "function/settings.h"
#include "function/state.h"
#include "function/transform.h"
#include "warehouse/warehouse.h"

namespace afluente::broker {
class Topics;
}  // namespace afluente::broker

namespace afluente::telemetry {
class Metrics;
}  // namespace afluente::telemetry

namespace afluente::function {

struct FunctionInstruments;

// What is known of a function's messages without counting them.
struct Progress {
  uint64_t position = 0;   // the last message read
  uint64_t unread = 0;     // messages after it, matching or not
  size_t waiting = 0;      // read and not decided: tried right now, or waiting for another attempt
  std::string last_error;  // of one that waits
};

// Reads a topic in order and turns each message into exactly one outcome. Owned by roles/; one
// worker thread of its own. Rows, dead letters, counters and the state commit together, so a
// restart goes on right after the last commit and nothing is stored twice.
class Function {
 public:
  // Opens the topic at the committed position, or commits the first one (a new function, or one
  // that was removed). What stands under its previous name becomes its own. DATA_LOSS or
  // OUT_OF_RANGE when the journal is not the one that the position belongs to;
  // FAILED_PRECONDITION when its topic or table is another than before.
  static absl::StatusOr<std::unique_ptr<Function>> Create(
      Settings settings, std::unique_ptr<Transform> transform, broker::Topics& topics,
      warehouse::Warehouse& warehouse, const host::Clock& clock, telemetry::Metrics& metrics);
  ~Function();  // stops after the batch at hand

  void Start();
  // The batch at hand is committed; attempts under way have some seconds to end.
  void Stop();

  // Counts the balance from the journal, the table and the counters. Blocks; the worker goes on.
  absl::StatusOr<Balance> Check();
  // Messages that are not decided, matching or not; 0 = caught up.
  uint64_t backlog() const;
  Progress progress() const;
  // When the newest message that it has decided was published; nullopt before the first one.
  std::optional<host::WallTime> newest_publish_time() const;
  const Settings& settings() const { return settings_; }

  // What replays, retries and backfills decide beside the worker: `change` edits the state, and the
  // commit goes with it in one transaction. UNAVAILABLE while the worker's own commit is refused.
  absl::Status CommitBeside(warehouse::FunctionCommit commit,
                            absl::FunctionRef<absl::Status(State&)> change);
  State state() const;
  // Decides, of a function that is not started, all that is pending: dropped by an operator. It
  // pins nothing from then on.
  absl::Status Remove();
  // A reader of its own, which keeps all messages after `after_sequence` that are there.
  absl::StatusOr<std::unique_ptr<broker::TopicReader>> OpenReader(uint64_t after_sequence) const;

 private:
  // The next micro-batch, read and decided while the last one was committed.
  struct Ahead {
    uint64_t after = 0;    // of the position that it follows
    uint64_t through = 0;  // its last message
    std::vector<Decision> decisions;
  };
  // The end of a step whose commit the warehouse could not take yet.
  struct Unsettled {
    warehouse::FunctionCommit commit;
    State next;
  };

  Function(Settings settings, std::unique_ptr<Transform> transform, broker::Topics& topics,
           warehouse::Warehouse& warehouse, const host::Clock& clock, telemetry::Metrics& metrics);

  absl::Status Open();
  // What was committed under its name, or under its previous one; then `renamed`.
  absl::StatusOr<std::optional<State>> FindStored(bool& renamed) const;
  // Goes on where `stored` ends.
  absl::Status GoOn(State stored) ABSL_EXCLUSIVE_LOCKS_REQUIRED(step_mutex_);
  // A new function, or one that was removed: where the settings say.
  absl::Status Begin(std::optional<State> removed) ABSL_EXCLUSIVE_LOCKS_REQUIRED(step_mutex_);
  absl::Status OpenReaders(const std::optional<State>& stored)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(step_mutex_);
  // Of messages that waited when the process ended.
  absl::Status RestoreKeys() ABSL_EXCLUSIVE_LOCKS_REQUIRED(step_mutex_);
  void Run();
  // One micro-batch; false when there was nothing to do. When stopping it begins no attempt.
  absl::StatusOr<bool> Step(bool stopping) ABSL_EXCLUSIVE_LOCKS_REQUIRED(step_mutex_);
  // Adds the messages whose next attempt is due; how many.
  absl::StatusOr<size_t> TakeDue(size_t max, std::vector<Attempt>& attempts)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(step_mutex_);
  // Adds new messages, which are read from then on; the number of those read.
  absl::StatusOr<size_t> TakeNew(size_t max, std::vector<Attempt>& attempts)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(step_mutex_);
  // Commits decisions with the state after them.
  absl::Status Settle(std::vector<Decision> decisions) ABSL_EXCLUSIVE_LOCKS_REQUIRED(step_mutex_);
  // The same when a row of one of them is refused: halves, until the guilty stand alone.
  absl::Status SettleHalves(std::vector<Decision> decisions, const absl::Status& refusal)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(step_mutex_);
  absl::Status Commit(const warehouse::FunctionCommit& commit);
  // What a commit changes here.
  void Appended(Unsettled& unsettled) ABSL_EXCLUSIVE_LOCKS_REQUIRED(step_mutex_);
  absl::Status Append(Unsettled& unsettled) ABSL_EXCLUSIVE_LOCKS_REQUIRED(step_mutex_);
  // The same for a step's commit; meanwhile another thread decides the next batch when there is
  // enough for one: with two cores a backlog takes as long as the slower half.
  absl::Status AppendAndLookAhead(Unsettled& unsettled) ABSL_EXCLUSIVE_LOCKS_REQUIRED(step_mutex_);
  bool MayLookAhead(const State& next) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(step_mutex_);
  Ahead LookAhead(broker::TopicReader& reader, uint64_t after) const;
  std::string_view KeyOf(const event::Message& message) const;
  void Remember(const event::Message& decided);
  void ShowProgress() ABSL_EXCLUSIVE_LOCKS_REQUIRED(step_mutex_);
  bool IsStopping() const;
  // Whether nothing is left that stopping waits for.
  bool MayStop() ABSL_LOCKS_EXCLUDED(step_mutex_);
  // When the topic was deleted and there is a new one of its name: goes on at its start. False when
  // not.
  absl::StatusOr<bool> FollowNewTopic() ABSL_EXCLUSIVE_LOCKS_REQUIRED(step_mutex_);
  absl::Status Audit(uint64_t through, size_t messages_max)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(step_mutex_);
  absl::Status FindSuspects(const State& state, broker::TopicReader& reader,
                            Balance& balance) const;
  void SleepUnlessStopped(std::chrono::milliseconds duration);
  // Until a message or a decision comes, an attempt is due or the function is stopped.
  void AwaitWork(bool stopping) ABSL_LOCKS_EXCLUDED(step_mutex_);

  const Settings settings_;
  const std::unique_ptr<Transform> transform_;
  broker::Topics& topics_;
  warehouse::Warehouse& warehouse_;
  const host::Clock& clock_;
  const std::unique_ptr<FunctionInstruments> instruments_;

  // Of the newest decided message; 0 before the first one.
  std::atomic<int64_t> newest_publish_micros_{0};

  // Held for one step. Taken before progress_mutex_.
  mutable absl::Mutex step_mutex_;
  // Of the worker: ahead of what is committed by messages that are read and wait.
  State state_ ABSL_GUARDED_BY(step_mutex_);
  std::optional<Unsettled> unsettled_ ABSL_GUARDED_BY(step_mutex_);
  std::optional<Ahead> ahead_ ABSL_GUARDED_BY(step_mutex_);
  DeadLetterLog dead_letter_log_ ABSL_GUARDED_BY(step_mutex_);
  std::unique_ptr<broker::TopicReader> reader_ ABSL_GUARDED_BY(step_mutex_);
  std::unique_ptr<broker::TopicReader> audit_reader_ ABSL_GUARDED_BY(step_mutex_);

  mutable absl::Mutex progress_mutex_;
  Progress progress_ ABSL_GUARDED_BY(progress_mutex_);
  // reader_, for its end alone.
  const broker::TopicReader* shown_reader_ ABSL_GUARDED_BY(progress_mutex_) = nullptr;

  // Shared with the journal's waiter and the transform, which may outlive this function's thread.
  struct Wake;
  const std::shared_ptr<Wake> wake_;
  std::thread worker_;
};

}  // namespace afluente::function
