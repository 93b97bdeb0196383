#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "event/filter.h"
#include "function/push/pushed_message.h"
#include "function/transform.h"
#include "warehouse/warehouse.h"

namespace afluente::telemetry {
class Metrics;
}

namespace afluente::function::push {

struct PushSettings {
  std::string name;
  std::string topic;  // projects/P/topics/T
  event::Filter filter;
  warehouse::TableName table;
  warehouse::TableName dead_letter_table;
  int64_t max_delivery_attempts = 5;
  size_t batch_messages_max = 1'000;
  size_t batch_bytes_max = 4 << 20;
  // Accepted and not answered yet; beyond it RESOURCE_EXHAUSTED.
  size_t unanswered_max = 4'000;
  size_t unanswered_bytes_max = 64 << 20;
};

// The function as Google Cloud runs it: messages are pushed to it, and each is answered when its
// rows or its dead letter are in the warehouse. Keeps nothing between two messages: Pub/Sub brings
// again what was not answered well, and the warehouse stores a message once however often it
// comes. Owned by a role; one worker thread of its own.
class PushFunction {
 public:
  // OK: decided for good. UNAVAILABLE: deliver it again. RESOURCE_EXHAUSTED: later.
  using Done = absl::AnyInvocable<void(absl::Status)>;

  PushFunction(PushSettings settings, std::unique_ptr<Transform> transform,
               warehouse::Warehouse& warehouse, const host::Clock& clock,
               telemetry::Metrics& metrics);
  ~PushFunction();

  void Start();
  // Decides what was accepted, as far as it comes until `grace` is over; the rest is UNAVAILABLE.
  void Stop(std::chrono::milliseconds grace);

  // Any thread; does not block. `done` is called once, on the worker's thread or on this one.
  void Accept(PushedMessage pushed, Done done);

 private:
  struct Instruments;
  struct Unanswered {
    Done done;
    size_t bytes = 0;
  };
  using Decisions = std::vector<Decision>;

  void Run();
  // Attempts to start now; empty only when decisions came, or at the end.
  std::vector<Attempt> Take() ABSL_LOCKS_EXCLUDED(mutex_);
  bool HasWork() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Commit(Decisions decisions);
  absl::Status Append(const Decisions& decisions);
  // One decision that the warehouse refused: its message becomes a dead letter.
  void Bury(const Decision& decision, const absl::Status& refusal);
  bool IsLast(const Decision& decision) const;
  void AddTo(warehouse::FunctionCommit& commit, const Decision& decision) const;
  void Answer(const Decision& decision, const absl::Status& stored);
  void Reply(const event::Message* message, const absl::Status& status);

  const PushSettings settings_;
  const std::unique_ptr<Transform> transform_;
  warehouse::Warehouse& warehouse_;
  const host::Clock& clock_;
  const std::unique_ptr<Instruments> instruments_;

  absl::Mutex mutex_;
  std::vector<Attempt> waiting_ ABSL_GUARDED_BY(mutex_);
  std::unordered_map<const event::Message*, Unanswered> unanswered_ ABSL_GUARDED_BY(mutex_);
  size_t unanswered_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool decided_ ABSL_GUARDED_BY(mutex_) = false;
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;  // accepts no more
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread worker_;
};

}  // namespace afluente::function::push
