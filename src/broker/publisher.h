#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "event/message.h"

namespace afluente::broker {

// Port: where messages are published. Thread-safe, never blocks on disk.
class Publisher {
 public:
  virtual ~Publisher() = default;

  using Published = absl::AnyInvocable<void(absl::StatusOr<std::vector<std::string>>)>;

  // Publishes a batch to `topic` ("projects/P/topics/T"); all of it or none. `done` is called once,
  // with one message id a message when all are on disk, else NOT_FOUND (no such topic),
  // INVALID_ARGUMENT (a message breaks a limit), RESOURCE_EXHAUSTED (too much waits, or the disk is
  // full) or UNAVAILABLE (the disk refused). It may run before Publish returns or on the journal's
  // thread: it must not block. Publishing again after an error may duplicate: a retry is a new
  // message.
  virtual void Publish(std::string_view topic, std::vector<event::Draft> batch, Published done) = 0;

  // Runs `work`, which publishes or acknowledges, and lends the calling thread to the disk: it may
  // block as long as one write and sync takes, without locks, and run the `done` of others.
  virtual void Lend(absl::FunctionRef<void()> work) { work(); }
};

}  // namespace afluente::broker
