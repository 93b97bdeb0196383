#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace afluente::warehouse::googlesql {

// FORMAT_*: a template over $1 (what is printed, local time) for a literal format; nullopt when an
// element is not supported.
std::optional<std::string> FormatTemplate(std::string_view format);

// PARSE_*: DuckDB's formats to try in order. `zoned` tells that the text names its offset itself.
struct ParseFormats {
  std::vector<std::string> formats;
  bool zoned = false;
  bool epoch = false;  // %s alone
};
std::optional<ParseFormats> TranslateParseFormat(std::string_view format);

}  // namespace afluente::warehouse::googlesql
