#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace afluente::warehouse::googlesql {

// The name that the positional parameter `index` (from 1) gets.
std::string PositionalName(size_t index);

// The statement with each `?` replaced by @name. INVALID_ARGUMENT when it has more of them than
// `given`; errors of other kinds are left to who translates it.
absl::StatusOr<std::string> NamePositional(std::string_view statement, size_t given);

// The first word of a statement ("SELECT", "CREATE TABLE", ...) in BigQuery's statementType form;
// "SCRIPT" for several statements; "SELECT" for what it does not know.
std::string StatementType(std::string_view statement);

}  // namespace afluente::warehouse::googlesql
