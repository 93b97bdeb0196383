#include "warehouse/googlesql/json_path.h"

#include "absl/strings/ascii.h"
#include "warehouse/googlesql/text.h"

namespace afluente::warehouse::googlesql {

std::string JsonPathStep(std::string_view name) {
  std::string step = ".\"";
  for (char c : name) {
    if (c == '"' || c == '\\') step += '\\';
    step += c;
  }
  return step + "\"";
}

std::optional<std::string> TranslateJsonPath(std::string_view path) {
  if (!path.starts_with("$")) return std::nullopt;
  std::string out = "$";
  size_t at = 1;
  while (at < path.size()) {
    if (path[at] == '.') {
      size_t start = ++at;
      if (at < path.size() && path[at] == '"') {
        const size_t close = path.find('"', ++start);
        if (close == std::string_view::npos) return std::nullopt;
        out += JsonPathStep(path.substr(start, close - start));
        at = close + 1;
        continue;
      }
      while (at < path.size() && path[at] != '.' && path[at] != '[') ++at;
      if (at == start) return std::nullopt;
      out += JsonPathStep(path.substr(start, at - start));
      continue;
    }
    if (path[at] != '[' || at + 1 >= path.size()) return std::nullopt;
    const char quote = path[++at];
    if (quote == '\'' || quote == '"') {
      const size_t close = path.find(quote, at + 1);
      if (close == std::string_view::npos || close + 1 >= path.size() || path[close + 1] != ']') {
        return std::nullopt;
      }
      out += JsonPathStep(path.substr(at + 1, close - at - 1));
      at = close + 2;
      continue;
    }
    const size_t close = path.find(']', at);
    if (close == std::string_view::npos || close == at) return std::nullopt;
    for (char c : path.substr(at, close - at)) {
      if (!absl::ascii_isdigit(c)) return std::nullopt;
    }
    Append(&out, "[", path.substr(at, close - at), "]");
    at = close + 1;
  }
  return out;
}

}  // namespace afluente::warehouse::googlesql
