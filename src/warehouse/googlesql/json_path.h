#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace afluente::warehouse::googlesql {

// `."name"`: one step of DuckDB's JSON path.
std::string JsonPathStep(std::string_view name);

// GoogleSQL's JSONPath ("$.a['b c'][0]") as DuckDB's ("$.\"a\".\"b c\"[0]"); nullopt when it is not
// one.
std::optional<std::string> TranslateJsonPath(std::string_view path);

}  // namespace afluente::warehouse::googlesql
