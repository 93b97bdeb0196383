#pragma once

#include <string>
#include <string_view>

namespace afluente::warehouse::googlesql {

// The query of a CREATE VIEW statement, as it was written; empty when there is none.
std::string ViewQuery(std::string_view statement);

}  // namespace afluente::warehouse::googlesql
