#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "google/protobuf/message.h"

// proto3 JSON, as Google's REST APIs read and write it.
namespace afluente::broker::wire {

struct JsonStyle {
  bool pretty = false;
  bool enums_as_numbers = false;
};

// Merges an object into `message`. INVALID_ARGUMENT names an unknown field or a bad value.
absl::Status MergeJson(std::string_view json, google::protobuf::Message& message);

absl::Status PrintJson(const google::protobuf::Message& message, const JsonStyle& style,
                       std::string& json);

// Sets the field at `path` ("a.b_c" or "a.bC") from text, a query parameter's or a path's; appends
// when it is repeated. INVALID_ARGUMENT when there is no such field or the text is no such value.
absl::Status SetFromText(const std::string& path, const std::string& text,
                         google::protobuf::Message& message);

// The answer of an error: {"error": {"code", "message", "status"}}.
std::string ErrorJson(int http_code, const absl::Status& status);

}  // namespace afluente::broker::wire
