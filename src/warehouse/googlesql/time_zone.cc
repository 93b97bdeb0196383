#include "warehouse/googlesql/time_zone.h"

#include <optional>

#include "absl/strings/ascii.h"
#include "warehouse/googlesql/text.h"

namespace afluente::warehouse::googlesql {
namespace {

bool IsLiteral(const std::string& zone) { return zone.size() > 2 && zone.front() == '\''; }

// '+5', '-04:30' in quotes: its minutes.
std::optional<int> OffsetMinutes(const std::string& zone) {
  const std::string text = zone.substr(1, zone.size() - 2);
  if (text.size() < 2 || (text[0] != '+' && text[0] != '-')) return std::nullopt;
  size_t at = 1;
  auto number = [&]() -> std::optional<int> {
    int value = 0;
    const size_t start = at;
    while (at < text.size() && at < start + 2 && absl::ascii_isdigit(text[at])) {
      value = value * 10 + (text[at++] - '0');
    }
    return at == start ? std::nullopt : std::optional<int>(value);
  };
  const std::optional<int> hours = number();
  std::optional<int> minutes = 0;
  if (at < text.size() && text[at] == ':') {
    ++at;
    minutes = number();
  }
  if (!hours || !minutes || at != text.size() || *hours > 14 || *minutes > 59) return std::nullopt;
  return (text[0] == '-' ? -1 : 1) * (*hours * 60 + *minutes);
}

}  // namespace

std::string ToLocal(const std::string& instant, const std::string& zone) {
  if (!IsLiteral(zone)) return Cat("gsql_to_local(", instant, ", ", zone, ")");
  if (const std::optional<int> minutes = OffsetMinutes(zone)) {
    return Cat("((", instant, " AT TIME ZONE 'UTC') + to_minutes(", *minutes, "))");
  }
  return Cat("(", instant, " AT TIME ZONE ", zone, ")");
}

std::string ToInstant(const std::string& local, const std::string& zone) {
  if (!IsLiteral(zone)) return Cat("gsql_to_instant(", local, ", ", zone, ")");
  if (const std::optional<int> minutes = OffsetMinutes(zone)) {
    return Cat("((", local, " - to_minutes(", *minutes, ")) AT TIME ZONE 'UTC')");
  }
  return Cat("(", local, " AT TIME ZONE ", zone, ")");
}

}  // namespace afluente::warehouse::googlesql
