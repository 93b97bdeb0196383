#include "function/json_rows.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "host/check.h"
#include "schema/json_text.h"

namespace afluente::function {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";

std::string_view Trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

// Where the value that starts at `at` of a JSON text ends: at the comma or bracket behind it.
size_t EndOfValue(std::string_view json, size_t at) {
  size_t depth = 0;
  bool quoted = false;
  for (; at < json.size(); ++at) {
    const char c = json[at];
    if (quoted) {
      if (c == '\\') ++at;
      quoted = c != '"';
      continue;
    }
    if (depth == 0 && (c == ',' || c == ']')) return at;
    quoted = c == '"';
    if (c == '[' || c == '{') ++depth;
    if (c == ']' || c == '}') --depth;
  }
  return at;
}

}  // namespace

absl::StatusOr<std::vector<std::string_view>> SplitJsonArray(std::string_view json) {
  json = Trimmed(json);
  if (json.empty() || json.front() != '[' || !schema::IsJson(json)) {
    return absl::InvalidArgumentError("expected a JSON array");
  }
  std::vector<std::string_view> elements;
  size_t at = 1;
  while (at < json.size()) {
    const size_t end = EndOfValue(json, at);
    const std::string_view element = Trimmed(json.substr(at, end - at));
    if (!element.empty()) elements.push_back(element);
    at = end + 1;
  }
  return elements;
}

absl::StatusOr<Outcome> JsonRows::Decode(std::string_view json) {
  const std::string_view text = Trimmed(json);
  const bool many = !text.empty() && text.front() == '[';
  std::vector<std::string_view> elements = {text};
  if (many) {
    AFLUENTE_ASSIGN_OR_RETURN(elements, SplitJsonArray(text));
    if (elements.empty()) return Outcome::Dropped();
    if (elements.size() > kRowsMax) {
      return absl::InvalidArgumentError(
          absl::StrCat(elements.size(), " rows of one message; the limit is ", kRowsMax));
    }
  }
  std::vector<std::vector<schema::Value>> rows;
  rows.reserve(elements.size());
  for (size_t i = 0; i < elements.size(); ++i) {
    auto row = decoder_->Decode(elements[i]);
    if (!row.ok()) {
      return absl::InvalidArgumentError(many ? absl::StrCat("row ", i, ": ", row.status().message())
                                             : std::string(row.status().message()));
    }
    rows.push_back(*std::move(row));
  }
  return Outcome::Rows(std::move(rows));
}

}  // namespace afluente::function
