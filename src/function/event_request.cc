#include "function/event_request.h"

#include <string_view>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "schema/format_value.h"
#include "telemetry/json_string.h"
#include "telemetry/trace_context.h"

namespace afluente::function {
namespace {

constexpr char kEventType[] = "google.cloud.pubsub.topic.v1.messagePublished";

void AppendName(std::string& out, std::string_view name) {
  if (out.back() != '{') out += ',';
  telemetry::AppendJsonString(out, name);
  out += ':';
}

void AppendField(std::string& out, std::string_view name, std::string_view text) {
  AppendName(out, name);
  telemetry::AppendJsonString(out, text);
}

std::string PushBody(const EventTarget& target, const Attempt& attempt, const std::string& time) {
  const event::Message& message = *attempt.message;
  std::string out = absl::StrCat("{\"deliveryAttempt\":", attempt.number, ",\"message\":{");
  if (!message.attributes.empty()) {
    AppendName(out, "attributes");
    out += '{';
    for (const auto& [key, value] : message.attributes) AppendField(out, key, value);
    out += '}';
  }
  AppendField(out, "data", absl::Base64Escape(message.data));
  // Pub/Sub writes these under both spellings.
  AppendField(out, "messageId", message.message_id);
  AppendField(out, "message_id", message.message_id);
  if (!message.ordering_key.empty()) AppendField(out, "orderingKey", message.ordering_key);
  AppendField(out, "publishTime", time);
  AppendField(out, "publish_time", time);
  out += '}';
  AppendField(out, "subscription", target.subscription);
  return out + '}';
}

}  // namespace

http::OutgoingRequest EventRequest(const EventTarget& target, const Attempt& attempt) {
  const event::Message& message = *attempt.message;
  const std::string time = schema::FormatRfc3339(message.publish_time.time_since_epoch().count());
  const std::pair<const char*, std::string> event[] = {
      {"specversion", "1.0"},
      {"id", message.message_id},
      {"source", "//pubsub.googleapis.com/" + target.topic},
      {"type", kEventType},
      {"time", time},
  };
  http::OutgoingRequest request;
  request.url = target.url;
  request.body = PushBody(target, attempt, time);
  const std::string* trace = event::FindAttribute(message.attributes, telemetry::kTraceAttribute);
  if (trace != nullptr && telemetry::ParseTraceparent(*trace)) {
    request.headers.Add("traceparent", *trace);
  }
  if (target.format != EventFormat::kCloudeventsStructured) {
    request.headers.Add("Content-Type", "application/json");
  }
  if (target.format == EventFormat::kCloudeventsBinary) {
    for (const auto& [name, value] : event) {
      request.headers.Add(absl::StrCat("ce-", name), value);
    }
  }
  if (target.format == EventFormat::kCloudeventsStructured) {
    request.headers.Add("Content-Type", "application/cloudevents+json; charset=utf-8");
    std::string out = "{";
    for (const auto& [name, value] : event) AppendField(out, name, value);
    AppendField(out, "datacontenttype", "application/json");
    AppendName(out, "data");
    request.body = absl::StrCat(out, request.body, "}");
  }
  return request;
}

}  // namespace afluente::function
