#include "broker/push/push_request.h"

#include <algorithm>
#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "schema/format_value.h"
#include "telemetry/json_string.h"

namespace afluente::broker::push {
namespace {

constexpr char kUserAgent[] =
    "APIs-Google; (+https://developers.google.com/webmasters/APIs-Google.html)";
constexpr std::string_view kMetadataPrefix = "x-goog-pubsub-";
// What frames the request, says where it goes or who it is from.
constexpr std::string_view kReserved[] = {"authorization",    "connection", "content-length",
                                          "expect",           "host",       "keep-alive",
                                          "proxy-connection", "te",         "trailer",
                                          "upgrade",          "user-agent", "transfer-encoding"};

std::string PublishTime(const event::Message& message) {
  return schema::FormatRfc3339(message.publish_time.time_since_epoch().count());
}

void AppendField(std::string& out, std::string_view name, std::string_view text) {
  if (out.back() != '{') out += ',';
  telemetry::AppendJsonString(out, name);
  out += ':';
  telemetry::AppendJsonString(out, text);
}

// In the order of the alphabet, as Pub/Sub writes it; id and time under both their spellings.
std::string Wrap(const std::string& subscription, const Delivered& delivered) {
  const event::Message& message = *delivered.message;
  std::string out = "{";
  if (delivered.delivery_attempt > 0) {
    absl::StrAppend(&out, "\"deliveryAttempt\":", delivered.delivery_attempt, ",");
  }
  out += "\"message\":{";
  if (!message.attributes.empty()) {
    out += "\"attributes\":{";
    for (const auto& [key, value] : message.attributes) AppendField(out, key, value);
    out += '}';
  }
  if (!message.data.empty()) AppendField(out, "data", absl::Base64Escape(message.data));
  AppendField(out, "messageId", message.message_id);
  AppendField(out, "message_id", message.message_id);
  if (!message.ordering_key.empty()) AppendField(out, "orderingKey", message.ordering_key);
  const std::string time = PublishTime(message);
  AppendField(out, "publishTime", time);
  AppendField(out, "publish_time", time);
  out += '}';
  AppendField(out, "subscription", subscription);
  return out + '}';
}

// A token of RFC 9110 that is free to use.
bool MayBeHeader(std::string_view name) {
  if (name.empty()) return false;
  for (const char c : name) {
    constexpr std::string_view kTokenMarks = "!#$%&'*+-.^_`|~";
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) &&
        kTokenMarks.find(c) == std::string_view::npos)
      return false;
  }
  const std::string lower = absl::AsciiStrToLower(std::string(name));
  return lower.compare(0, kMetadataPrefix.size(), kMetadataPrefix) != 0 &&
         std::find(std::begin(kReserved), std::end(kReserved), lower) == std::end(kReserved);
}

// A control character could end the header.
bool MayBeHeaderValue(std::string_view value) {
  return std::none_of(value.begin(), value.end(),
                      [](unsigned char c) { return (c < ' ' && c != '\t') || c == 0x7f; });
}

void AddMetadata(const std::string& subscription, const event::Message& message,
                 http::Headers& headers) {
  for (const auto& [key, value] : message.attributes) {
    if (MayBeHeader(key) && MayBeHeaderValue(value)) headers.Set(key, value);
  }
  headers.Set("x-goog-pubsub-subscription-name", subscription);
  headers.Set("x-goog-pubsub-message-id", message.message_id);
  headers.Set("x-goog-pubsub-publish-time", PublishTime(message));
  if (!message.ordering_key.empty() && MayBeHeaderValue(message.ordering_key))
    headers.Set("x-goog-pubsub-ordering-key", message.ordering_key);
}

}  // namespace

http::OutgoingRequest MakePushRequest(const PushConfig& push, const std::string& subscription,
                                      const Delivered& delivered) {
  http::OutgoingRequest request;
  request.url = push.endpoint;
  request.headers.Set("User-Agent", kUserAgent);
  if (push.wrapped) {
    request.headers.Set("Content-Type", "application/json");
    request.headers.Set("Accept", "application/json");
    request.body = Wrap(subscription, delivered);
    return request;
  }
  request.headers.Set("Content-Type", "application/octet-stream");
  if (push.write_metadata) AddMetadata(subscription, *delivered.message, request.headers);
  request.body = delivered.message->data;
  return request;
}

bool IsAck(int http_status) {
  switch (http_status) {
    case 102:
    case 200:
    case 201:
    case 202:
    case 204:
      return true;
    default:
      return false;
  }
}

}  // namespace afluente::broker::push
