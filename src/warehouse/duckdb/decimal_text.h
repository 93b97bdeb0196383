#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/numeric/int128.h"
#include "absl/status/statusor.h"

namespace afluente::warehouse::duckdb {

// NUMERIC's text as a DECIMAL(38,9): the value times 10^9. INVALID_ARGUMENT when it has more than
// 29 digits before or 9 after the point, or is no decimal number.
absl::StatusOr<absl::int128> ParseNumeric(std::string_view text);

// Appends a scaled decimal as BigQuery prints it: no trailing zeros, "-1.5", "0".
void AppendDecimal(absl::int128 scaled, int scale, std::string& out);

// BIGNUMERIC's canonical text: no leading or trailing zeros, at most 39 digits before and 38 after
// the point. It is what the engine stores, so equal values are equal texts.
absl::StatusOr<std::string> CanonicalBigNumeric(std::string_view text);

}  // namespace afluente::warehouse::duckdb
