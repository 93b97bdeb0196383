#pragma once

#include <string>

namespace afluente::warehouse::googlesql {

// docs/googlesql-functions.md, written from the table of functions.
std::string FunctionPage();

}  // namespace afluente::warehouse::googlesql
