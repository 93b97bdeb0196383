#pragma once

#include <string_view>
#include <vector>

namespace afluente::warehouse::googlesql {

// What emitted SQL calls beyond DuckDB's own functions. The engine runs each definition once after
// it opens a database (they replace earlier ones), before it runs any translation, in this order.
std::vector<std::string_view> RuntimeMacros();

// A scalar function that the engine must register in C++, because DuckDB has nothing like it.
struct RuntimeFunction {
  std::string_view name;
  std::string_view arguments;  // DuckDB types, comma-separated
  std::string_view result;
  std::string_view meaning;
};

// All are pure; NULL in gives NULL out.
std::vector<RuntimeFunction> RuntimeFunctions();

}  // namespace afluente::warehouse::googlesql
