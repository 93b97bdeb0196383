#include "api/cursor.h"

#include <utility>

#include "api/value_bytes.h"
#include "host/hmac.h"
#include "schema/parse_value.h"

namespace afluente::api {
namespace {

constexpr size_t kMacBytes = 16;

std::string Mac(std::string_view key, std::string_view bound_to, std::string_view payload) {
  std::string message = "cursor 1";
  AppendTextBytes(message, bound_to);
  AppendTextBytes(message, payload);
  return host::HmacSha256(key, message).substr(0, kMacBytes);
}

absl::Status Wrong() {
  return absl::InvalidArgumentError(
      "parameter 'cursor': not one that this endpoint gave for these parameters and this order");
}

}  // namespace

std::string SignCursor(std::string_view key, std::string_view bound_to, const Position& position) {
  std::string payload;
  AppendNumberBytes(payload, position.given);
  for (const schema::Value& value : position.keys) AppendValueBytes(payload, value);
  return UrlBase64(Mac(key, bound_to, payload) + payload);
}

absl::StatusOr<Position> OpenCursor(std::string_view key, std::string_view bound_to,
                                    std::string_view token, size_t key_count) {
  const auto bytes = schema::ParseBase64(token);
  if (!bytes.has_value() || bytes->size() < kMacBytes) return Wrong();
  std::string_view payload = std::string_view(*bytes).substr(kMacBytes);
  const std::string mac = Mac(key, bound_to, payload);
  if (!host::SameSecret(mac, std::string_view(*bytes).substr(0, kMacBytes))) return Wrong();
  Position position;
  const auto given = TakeNumber(payload);
  if (!given.has_value()) return Wrong();
  position.given = *given;
  while (!payload.empty()) {
    auto value = TakeValue(payload);
    if (!value.has_value()) return Wrong();
    position.keys.push_back(*std::move(value));
  }
  if (position.keys.size() != key_count) return Wrong();
  return position;
}

}  // namespace afluente::api
