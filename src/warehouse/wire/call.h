#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "http/message.h"
#include "http/path_parameters.h"
#include "warehouse/jobs/json_fields.h"

namespace afluente::warehouse::wire {

using jobs::json;

// Who calls, where identity is on; else empty.
struct CallerName {
  std::string email;
};

// A request that was routed to a method: its parts as the method needs them.
struct Call {
  http::Request request;
  http::PathParameters path;
  json body = json::object();  // of a JSON request
  CallerName caller;

  const std::string& Path(std::string_view name) const;
  // The first value; nullopt when it is not given.
  std::optional<std::string> Query(std::string_view name) const;
  bool QueryFlag(std::string_view name) const;
  // INVALID_ARGUMENT when it is no whole number.
  absl::StatusOr<std::optional<int64_t>> QueryNumber(std::string_view name) const;
};

// What a method answers. `rows` is a JSON array, written as it is as the member "rows".
struct Answer {
  int status = 200;
  json body = json::object();
  std::optional<std::string> rows;
  std::string etag;
  http::Headers headers;
};

using Reply = absl::AnyInvocable<void(absl::StatusOr<Answer>)>;

// The same error with BigQuery's reason instead of the usual one of its code.
absl::Status WithReason(absl::Status status, std::string_view reason);
std::string ReasonOf(const absl::Status& status);

// Google's error JSON.
http::Response ErrorResponse(const absl::Status& status);
http::Response ErrorResponse(int http_status, std::string_view reason, std::string_view message);

// The answer to `request`: its fields selected, its tag compared, compressed where it is asked for.
http::Response ToResponse(const http::Request& request, Answer answer);

// A strong tag of a resource.
std::string TagOf(const json& resource);

// A page token stands for where the next page begins. INVALID_ARGUMENT for what is none of ours.
std::string PageToken(uint64_t start);
absl::StatusOr<uint64_t> FromPageToken(const std::string& token);

}  // namespace afluente::warehouse::wire
