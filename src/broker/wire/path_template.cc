#include "broker/wire/path_template.h"

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "host/check.h"

namespace afluente::broker::wire {
namespace {

constexpr char kOne[] = "*";
constexpr char kRest[] = "**";

absl::Status Malformed(absl::string_view text) {
  return absl::InvalidArgumentError(absl::StrCat("Malformed path template: ", text));
}

}  // namespace

absl::StatusOr<PathTemplate> PathTemplate::Parse(absl::string_view text) {
  PathTemplate path;
  absl::string_view rest = text;
  if (!absl::ConsumePrefix(&rest, "/")) return Malformed(text);
  // A verb follows the last segment, so its colon is behind the last slash and brace.
  const size_t colon = rest.rfind(':');
  const size_t last = rest.find_last_of("/}");
  if (colon != rest.npos && (last == rest.npos || colon > last)) {
    path.verb_ = std::string(rest.substr(colon + 1));
    rest = rest.substr(0, colon);
  }
  while (!rest.empty()) {
    if (absl::ConsumePrefix(&rest, "{")) {
      const size_t close = rest.find('}');
      if (close == rest.npos || close == 0) return Malformed(text);
      AFLUENTE_RETURN_IF_ERROR(path.AddVariable(rest.substr(0, close)));
      rest.remove_prefix(close + 1);
    } else {
      const absl::string_view segment = rest.substr(0, rest.find('/'));
      AFLUENTE_RETURN_IF_ERROR(path.AddSegments(segment));
      rest.remove_prefix(segment.size());
    }
    if (!rest.empty() && (!absl::ConsumePrefix(&rest, "/") || rest.empty())) return Malformed(text);
  }
  for (size_t i = 0; i + 1 < path.segments_.size(); ++i) {
    if (path.segments_[i] == kRest) return Malformed(text);
  }
  return path;
}

absl::Status PathTemplate::AddVariable(absl::string_view inside) {
  const size_t equals = inside.find('=');
  Variable variable;
  variable.field = std::string(inside.substr(0, equals));
  variable.begin = segments_.size();
  AFLUENTE_RETURN_IF_ERROR(AddSegments(equals == inside.npos ? kOne : inside.substr(equals + 1)));
  variable.end = segments_.size();
  variables_.push_back(std::move(variable));
  return absl::OkStatus();
}

absl::Status PathTemplate::AddSegments(absl::string_view text) {
  for (absl::string_view segment : absl::StrSplit(text, '/')) {
    if (segment.empty() || absl::StrContains(segment, '{') || absl::StrContains(segment, '}'))
      return Malformed(text);
    segments_.emplace_back(segment);
  }
  return absl::OkStatus();
}

std::optional<PathTemplate::Captures> PathTemplate::Match(absl::string_view path) const {
  if (!absl::ConsumePrefix(&path, "/")) return std::nullopt;
  if (!verb_.empty() && !absl::ConsumeSuffix(&path, absl::StrCat(":", verb_))) return std::nullopt;
  const std::vector<absl::string_view> parts = absl::StrSplit(path, '/');
  const bool open_end = !segments_.empty() && segments_.back() == kRest;
  if (open_end ? parts.size() < segments_.size() : parts.size() != segments_.size())
    return std::nullopt;
  for (size_t i = 0; i < segments_.size() && segments_[i] != kRest; ++i) {
    if (segments_[i] == kOne ? parts[i].empty() : parts[i] != segments_[i]) return std::nullopt;
  }
  Captures captures;
  for (const Variable& variable : variables_) {
    const bool to_end = segments_[variable.end - 1] == kRest;
    const auto end = to_end ? parts.end() : parts.begin() + variable.end;
    const std::string encoded = absl::StrJoin(parts.begin() + variable.begin, end, "/");
    const bool several = to_end || variable.end - variable.begin > 1;
    std::optional<std::string> value = DecodePercent(encoded, several);
    if (!value) return std::nullopt;
    captures.emplace_back(variable.field, *std::move(value));
  }
  return captures;
}

std::vector<std::string> PathTemplate::fields() const {
  std::vector<std::string> fields;
  for (const Variable& variable : variables_) fields.push_back(variable.field);
  return fields;
}

std::optional<std::string> DecodePercent(absl::string_view text, bool keep_slashes) {
  std::string decoded;
  decoded.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    if (i + 2 >= text.size() || !absl::ascii_isxdigit(text[i + 1]) ||
        !absl::ascii_isxdigit(text[i + 2]))
      return std::nullopt;
    const std::string byte = absl::HexStringToBytes(text.substr(i + 1, 2));
    if (keep_slashes && byte == "/")
      decoded.append(text.data() + i, 3);
    else
      decoded += byte;
    i += 2;
  }
  return decoded;
}

}  // namespace afluente::broker::wire
