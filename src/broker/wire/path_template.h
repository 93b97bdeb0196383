#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace afluente::broker::wire {

// A path of google.api.http ("HTTP rule" in google/api/http.proto), such as
// "/v1/{topic=projects/*/topics/*}:publish". Immutable.
class PathTemplate {
 public:
  // A field's path and the text that it captured, decoded but for %2F in a capture of several
  // segments.
  using Captures = std::vector<std::pair<std::string, std::string>>;

  static absl::StatusOr<PathTemplate> Parse(absl::string_view text);

  // Matches an encoded path without its query.
  std::optional<Captures> Match(absl::string_view path) const;
  bool has_verb() const { return !verb_.empty(); }
  // The fields that a match captures.
  std::vector<std::string> fields() const;

 private:
  // Literal text, or "*" for one segment, or "**" for the rest.
  struct Variable {
    std::string field;
    size_t begin = 0;  // in segments_
    size_t end = 0;
  };

  absl::Status AddVariable(absl::string_view inside);
  absl::Status AddSegments(absl::string_view text);

  std::vector<std::string> segments_;
  std::vector<Variable> variables_;
  std::string verb_;
};

// Replaces %XX by its byte, once; %2F stays when `keep_slashes`. Nothing when a % is malformed.
std::optional<std::string> DecodePercent(absl::string_view text, bool keep_slashes);

}  // namespace afluente::broker::wire
