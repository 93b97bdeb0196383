#pragma once

#include <optional>
#include <string_view>

#include "schema/interval.h"

namespace afluente::warehouse::googlesql {

// INTERVAL 'text' FROM TO TO, such as '1-2' YEAR TO MONTH or '3 4:5:6.5' DAY TO SECOND. nullopt:
// the text does not fit the units.
std::optional<schema::Interval> ParseIntervalLiteral(std::string_view text, std::string_view from,
                                                     std::string_view to);

}  // namespace afluente::warehouse::googlesql
