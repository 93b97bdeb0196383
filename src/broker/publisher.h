#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
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

// Port: publishes that may be asked for again and happen once. The journal remembers each key until
// it is forgotten, also across a crash. Thread-safe, never blocks on disk but for a topic with
// transforms.
class KeyedPublisher {
 public:
  virtual ~KeyedPublisher() = default;

  using Settled = absl::AnyInvocable<void(absl::Status)>;

  // Publishes one message under `key` ("function/message id"), or nothing when the key is known.
  // `done` is called once, when that is on disk, with OK in both cases; errors as Publisher's. It
  // must not block.
  virtual void PublishKeyed(std::string_view topic, std::string key, event::Draft draft,
                            Settled done) = 0;
  // Afterwards the keys may be used anew. Unknown ones are passed over.
  virtual void ForgetKeys(std::vector<std::string> keys, Settled done) = 0;
  // Those that are remembered.
  virtual std::vector<std::string> Keys() const = 0;
};

}  // namespace afluente::broker
