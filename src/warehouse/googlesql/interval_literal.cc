#include "warehouse/googlesql/interval_literal.h"

#include <array>
#include <string>

#include "absl/strings/ascii.h"
#include "warehouse/googlesql/text.h"

namespace afluente::warehouse::googlesql {
namespace {

constexpr std::array<std::string_view, 6> kUnits = {"YEAR", "MONTH",  "DAY",
                                                    "HOUR", "MINUTE", "SECOND"};
// What stands between a unit and the next.
constexpr std::array<char, 5> kSeparators = {'-', ' ', ' ', ':', ':'};

int UnitIndex(std::string_view unit) {
  for (size_t i = 0; i < kUnits.size(); ++i) {
    if (kUnits[i] == unit) return static_cast<int>(i);
  }
  return -1;
}

}  // namespace

// Written out with the missing units as zeros, it is an interval in its full form.
std::optional<schema::Interval> ParseIntervalLiteral(std::string_view text, std::string_view from,
                                                     std::string_view to) {
  const int first = UnitIndex(from);
  const int last = UnitIndex(to);
  if (first < 0 || last <= first) return std::nullopt;
  // A date and a clock each have a sign of their own, before their first unit.
  std::string full;
  for (int unit = 0; unit < first; ++unit) Append(&full, "0", std::string(1, kSeparators[unit]));
  const bool clock_sign = first > 3 || first == 1;
  if (clock_sign && !text.empty() && (text[0] == '-' || text[0] == '+')) {
    const size_t place = first == 1 ? 0 : 6;  // before "0-" or after "0-0 0 "
    full.insert(place, 1, text[0]);
    text.remove_prefix(1);
  }
  full += text;
  for (int unit = last; unit < 5; ++unit) Append(&full, std::string(1, kSeparators[unit]), "0");
  return schema::ParseInterval(full);
}

}  // namespace afluente::warehouse::googlesql
