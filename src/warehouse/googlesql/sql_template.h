#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace afluente::warehouse::googlesql {

// Fills a template of DuckDB SQL with arguments that were emitted from the syntax tree: $1..$9 are
// the arguments, $$ a dollar sign, $* all of them with commas, $E(text) an error with that text
// (NULL when `safe`). An argument that is long and used several times is bound once through a
// lambda, so that the result grows with the statement and not exponentially. `safe`: errors of the
// template itself become NULL; those of the arguments stay.
std::string Expand(std::string_view text, const std::vector<std::string>& args, bool safe);

// For names and values of the user's inside a template: they hold no placeholder.
std::string EscapeTemplate(std::string_view text);

// A template with $1 replaced by another template; a template still.
std::string Substitute(std::string_view text, std::string_view argument);

}  // namespace afluente::warehouse::googlesql
