#include "warehouse/googlesql/date_part.h"

#include "warehouse/googlesql/sql_template.h"
#include "warehouse/googlesql/text.h"

namespace afluente::warehouse::googlesql {
namespace {

struct PartRule {
  std::string_view part;
  std::string_view extract;
  std::string_view unit;  // DuckDB's, for date_trunc and date_diff; empty: not for them
};

constexpr PartRule kParts[] = {
    {"YEAR", "date_part('year', $1)", "year"},
    {"ISOYEAR", "date_part('isoyear', $1)", "isoyear"},
    {"QUARTER", "date_part('quarter', $1)", "quarter"},
    {"MONTH", "date_part('month', $1)", "month"},
    {"ISOWEEK", "date_part('week', $1)", "week"},
    {"DAY", "date_part('day', $1)", "day"},
    {"DAYOFWEEK", "(date_part('dow', $1) + 1)", ""},
    {"DAYOFYEAR", "date_part('doy', $1)", ""},
    {"HOUR", "date_part('hour', $1)", "hour"},
    {"MINUTE", "date_part('minute', $1)", "minute"},
    {"SECOND", "date_part('second', $1)", "second"},
    {"MILLISECOND", "(date_part('millisecond', $1) % 1000)", "millisecond"},
    {"MICROSECOND", "(date_part('microsecond', $1) % 1000000)", "microsecond"},
};

constexpr std::string_view kDays[] = {"MONDAY", "TUESDAY",  "WEDNESDAY", "THURSDAY",
                                      "FRIDAY", "SATURDAY", "SUNDAY"};

const PartRule* FindPart(std::string_view part) {
  for (const PartRule& rule : kParts) {
    if (rule.part == part) return &rule;
  }
  return nullptr;
}

}  // namespace

int WeekStart(std::string_view part) {
  if (part == "WEEK") return 6;
  if (part == "ISOWEEK") return 0;
  for (int day = 0; day < 7; ++day) {
    if (part == Cat("WEEK(", kDays[day], ")")) return day;
  }
  return -1;
}

std::string ExtractTemplate(std::string_view part, const SqlType& type) {
  const bool clock = part == "HOUR" || part == "MINUTE" || part.ends_with("SECOND");
  if (type.Is(TypeCode::kDate) && clock) return "";
  if (type.Is(TypeCode::kTime) && !clock) return "";
  if (const PartRule* rule = FindPart(part)) return std::string(rule->extract);
  const int start = WeekStart(part);
  if (start < 0) return "";
  // Weeks count from the year's first such day; what comes before it is week 0.
  return Cat("((date_part('doy', $1) + 6 - (date_part('isodow', $1) + 6 - ", start, ") % 7) // 7)");
}

std::string TruncTemplate(std::string_view part) {
  if (const PartRule* rule = FindPart(part)) {
    return rule->unit.empty() ? "" : Cat("date_trunc('", rule->unit, "', $1)");
  }
  const int start = WeekStart(part);
  if (start < 0) return "";
  const int shift = (7 - start) % 7;
  return Cat("(date_trunc('week', $1 + to_days(", shift, ")) - to_days(", shift, "))");
}

std::string BoundariesTemplate(std::string_view part) {
  const PartRule* rule = FindPart(part);
  if (rule != nullptr && part != "ISOWEEK") {
    return rule->unit.empty() ? "" : Cat("date_diff('", rule->unit, "', $2, $1)");
  }
  if (WeekStart(part) < 0) return "";
  const std::string start = TruncTemplate(part);
  return Cat("(date_diff('day', ", Substitute(start, "$2"), ", ", start, ") // 7)");
}

}  // namespace afluente::warehouse::googlesql
