#pragma once

#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "event/message.h"

namespace afluente::function {

// A message's data as a JSON object, by the schema of its topic.
using TopicJson = absl::AnyInvocable<absl::StatusOr<std::string>(const event::Message&)>;

}  // namespace afluente::function
