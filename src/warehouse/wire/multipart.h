#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace afluente::warehouse::wire {

// The two parts of a multipart/related upload (RFC 2387): the resource and the file. Views into
// `body`.
struct RelatedParts {
  std::string_view resource;
  std::string_view media;
};

// INVALID_ARGUMENT when the body is not such a pair.
absl::StatusOr<RelatedParts> ParseRelated(std::string_view content_type, std::string_view body);

}  // namespace afluente::warehouse::wire
