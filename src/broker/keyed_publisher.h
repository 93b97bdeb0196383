#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "event/message.h"

namespace afluente::broker {

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
