#include "function/push/pushed_message.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "host/check.h"
#include "schema/parse_value.h"
#include "schema/text.h"

namespace afluente::function::push {
namespace {

using nlohmann::json;
using schema::Concat;

absl::Status Wrong(std::string_view member, std::string_view wanted) {
  return absl::InvalidArgumentError(Concat(member, ": expected ", wanted));
}

// The text of a member; empty when it is not there.
absl::StatusOr<std::string> Text(const json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end()) return std::string();
  if (!found->is_string()) return Wrong(Concat("message.", name), "a string");
  return found->get<std::string>();
}

absl::StatusOr<event::Attributes> ReadAttributes(const json& message) {
  event::Attributes attributes;
  const auto found = message.find("attributes");
  if (found == message.end() || found->is_null()) return attributes;
  if (!found->is_object()) return Wrong("message.attributes", "an object");
  for (const auto& [key, value] : found->items()) {
    if (!value.is_string()) return Wrong(Concat("message.attributes.", key), "a string");
    attributes.emplace_back(key, value.get<std::string>());
  }
  std::sort(attributes.begin(), attributes.end());
  return attributes;
}

absl::StatusOr<host::WallTime> ReadTime(const std::string& text) {
  schema::Type type;
  type.kind = schema::TypeKind::kTimestamp;
  const auto value = schema::ParseValue(type, text);
  if (!value.ok()) return Wrong("message.publishTime", "an RFC 3339 time");
  return host::WallTime(std::chrono::microseconds(std::get<int64_t>(value->data)));
}

absl::StatusOr<event::Message> ReadMessage(const json& from) {
  event::Message message;
  AFLUENTE_ASSIGN_OR_RETURN(message.message_id, Text(from, "messageId"));
  if (message.message_id.empty()) return Wrong("message.messageId", "an id");
  AFLUENTE_ASSIGN_OR_RETURN(const std::string data, Text(from, "data"));
  std::optional<std::string> bytes = schema::ParseBase64(data);
  if (!bytes.has_value()) return Wrong("message.data", "base64");
  message.data = *std::move(bytes);
  AFLUENTE_ASSIGN_OR_RETURN(message.ordering_key, Text(from, "orderingKey"));
  AFLUENTE_ASSIGN_OR_RETURN(const std::string time, Text(from, "publishTime"));
  AFLUENTE_ASSIGN_OR_RETURN(message.publish_time, ReadTime(time));
  AFLUENTE_ASSIGN_OR_RETURN(message.attributes, ReadAttributes(from));
  return message;
}

}  // namespace

absl::StatusOr<PushedMessage> ReadPushedMessage(std::string_view body) {
  const json parsed = json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (!parsed.is_object()) return Wrong("body", "a JSON object");
  const auto message = parsed.find("message");
  if (message == parsed.end() || !message->is_object()) return Wrong("message", "an object");
  PushedMessage pushed;
  AFLUENTE_ASSIGN_OR_RETURN(pushed.message, ReadMessage(*message));
  const auto subscription = parsed.find("subscription");
  if (subscription != parsed.end() && subscription->is_string()) {
    pushed.subscription = subscription->get<std::string>();
  }
  const auto attempt = parsed.find("deliveryAttempt");
  if (attempt != parsed.end()) {
    if (!attempt->is_number_integer()) return Wrong("deliveryAttempt", "a whole number");
    pushed.delivery_attempt = attempt->get<int64_t>();
  }
  return pushed;
}

}  // namespace afluente::function::push
