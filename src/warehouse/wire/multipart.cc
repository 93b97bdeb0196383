#include "warehouse/wire/multipart.h"

#include <optional>

#include "schema/text.h"

namespace afluente::warehouse::wire {
namespace {

std::string BoundaryOf(std::string_view content_type) {
  const std::string lower = schema::Lowercase(content_type);
  const size_t at = lower.find("boundary=");
  if (at == std::string::npos) return "";
  std::string_view value = content_type.substr(at + 9);
  if (value.starts_with('"') || value.starts_with('\'')) {
    const char quote = value[0];
    value.remove_prefix(1);
    const size_t end = value.find(quote);
    return end == std::string_view::npos ? "" : std::string(value.substr(0, end));
  }
  return std::string(schema::StripSpace(value.substr(0, value.find(';'))));
}

// What stands behind a part's header fields.
std::optional<std::string_view> ContentOf(std::string_view part) {
  for (std::string_view end : {std::string_view("\r\n\r\n"), std::string_view("\n\n")}) {
    const size_t at = part.find(end);
    if (at != std::string_view::npos) return part.substr(at + end.size());
  }
  return std::nullopt;
}

std::string_view WithoutLineEnd(std::string_view text) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (text.ends_with('\r')) text.remove_suffix(1);
  return text;
}

}  // namespace

absl::StatusOr<RelatedParts> ParseRelated(std::string_view content_type, std::string_view body) {
  const absl::Status wrong =
      absl::InvalidArgumentError("the body is no multipart/related pair of a resource and a file");
  const std::string boundary = BoundaryOf(content_type);
  if (boundary.empty() || boundary.size() > 200) return wrong;
  const std::string mark = "--" + boundary;
  const size_t first = body.find(mark);
  if (first == std::string_view::npos) return wrong;
  const size_t second = body.find("\n" + mark, first + mark.size());
  if (second == std::string_view::npos) return wrong;
  // The file may hold the mark by chance, but not behind its own end.
  const size_t last = body.rfind("\n" + mark + "--");
  if (last == std::string_view::npos || last <= second) return wrong;
  const size_t resource_at = first + mark.size();
  const size_t media_at = second + 1 + mark.size();
  const auto resource = ContentOf(body.substr(resource_at, second + 1 - resource_at));
  const auto media =
      media_at > last ? std::nullopt : ContentOf(body.substr(media_at, last + 1 - media_at));
  if (!resource || !media) return wrong;
  return RelatedParts{WithoutLineEnd(*resource), WithoutLineEnd(*media)};
}

}  // namespace afluente::warehouse::wire
