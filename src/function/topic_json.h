#pragma once

#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "event/message.h"

namespace afluente::broker {
class Schemas;
class Topics;
}  // namespace afluente::broker

namespace afluente::function {

// A message's data as a JSON object, by the schema of its topic. One thread at a time.
using TopicJson = absl::AnyInvocable<absl::StatusOr<std::string>(const event::Message&)>;

// By the revision that the message was published with, as its attributes say; messages without them
// (published before the topic had a schema) by the topic's settings of now. FAILED_PRECONDITION
// when the topic has no schema. Both ports outlive what it returns.
absl::StatusOr<TopicJson> MakeTopicJson(const broker::Topics& topics,
                                        const broker::Schemas& schemas, const std::string& topic);

}  // namespace afluente::function
