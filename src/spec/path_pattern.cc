#include "spec/path_pattern.h"

#include <algorithm>

#include "absl/status/status.h"
#include "schema/text.h"
#include "spec/text_forms.h"

namespace afluente::spec {
namespace {

using schema::Concat;

constexpr size_t kPathBytesMax = 1024;

// What may stand in a path as itself (RFC 3986's pchar, without percent escapes).
bool IsPathByte(char c) {
  return schema::IsAlpha(c) || schema::IsDigit(c) ||
         std::string_view("-._~!$&'()*+,;=:@/").find(c) != std::string_view::npos;
}

absl::Status At(size_t offset, std::string_view message) {
  return absl::InvalidArgumentError(Concat("column ", offset + 1, ": ", message));
}

// Takes "{name}" at `*at`.
absl::Status TakeParameter(std::string_view path, size_t* at, PathPattern* pattern) {
  size_t start = *at;
  size_t end = path.find('}', start);
  if (end == std::string_view::npos) return At(start, "this { has no }");
  std::string name(path.substr(start + 1, end - start - 1));
  if (!IsColumnName(name)) return At(start, "expected a parameter name in {}");
  if (start > 0 && path[start - 1] == '}') {
    return At(start, "two parameters need a text between them");
  }
  for (const std::string& other : pattern->parameters) {
    if (schema::EqualsIgnoreCase(other, name)) {
      return At(start, Concat("parameter ", name, " occurs twice"));
    }
  }
  pattern->parameters.push_back(std::move(name));
  pattern->shape += "{}";
  *at = end + 1;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<PathPattern> ParsePathPattern(std::string_view path) {
  if (!path.starts_with('/')) return At(0, "a path starts with /");
  if (path.size() > kPathBytesMax) return At(kPathBytesMax, "the path is too long");
  if (path.size() > 1 && path.ends_with('/'))
    return At(path.size() - 1, "a path has no / at its end");
  PathPattern pattern;
  for (size_t at = 0; at < path.size();) {
    if (path[at] == '{') {
      if (absl::Status status = TakeParameter(path, &at, &pattern); !status.ok()) return status;
      continue;
    }
    if (!IsPathByte(path[at])) return At(at, "a character that a path cannot hold");
    if (path[at] == '/' && path.substr(at, 2) == "//") return At(at, "an empty segment");
    pattern.shape += path[at++];
  }
  for (std::string_view dots : {"/./", "/../"}) {
    if (Concat(pattern.shape, "/").find(dots) != std::string::npos) {
      return At(0, "a path has no . or .. segment");
    }
  }
  return pattern;
}

}  // namespace afluente::spec
