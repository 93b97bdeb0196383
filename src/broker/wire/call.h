#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"

namespace afluente::host {
class Cancellation;
}

namespace afluente::broker::wire {

// The answer to one call: given once, from any thread.
template <typename Response>
using Reply = absl::AnyInvocable<void(absl::StatusOr<Response>)>;

// What a handler may know of the call that it answers.
struct Call {
  std::chrono::milliseconds time_left = std::chrono::milliseconds::max();  // max = no deadline
  std::shared_ptr<host::Cancellation> cancellation;  // null when the door cannot tell
  std::string authorization;                         // as Knock's
};

}  // namespace afluente::broker::wire
