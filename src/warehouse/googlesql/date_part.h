#pragma once

#include <string>
#include <string_view>

#include "warehouse/googlesql/sql_type.h"

namespace afluente::warehouse::googlesql {

// Templates over $1 (a date or time of `type`); empty when the part is none. Parts are upper case,
// weeks that begin on a named day are "WEEK(MONDAY)".
std::string ExtractTemplate(std::string_view part, const SqlType& type);
std::string TruncTemplate(std::string_view part);
// Over $1 (later) and $2 (earlier): boundaries between them, as DATE_DIFF counts.
std::string BoundariesTemplate(std::string_view part);

// Days from Monday to the first day of the week: WEEK is 6 (Sunday), ISOWEEK 0; -1 when no week.
int WeekStart(std::string_view part);

}  // namespace afluente::warehouse::googlesql
