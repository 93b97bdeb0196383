#include "spec/text_forms.h"

#include <algorithm>

#include "schema/text.h"

namespace afluente::spec {
namespace {

using schema::IsAlpha;
using schema::IsDigit;

struct Unit {
  std::string_view suffix;
  int shift;
};
constexpr Unit kUnits[] = {{"Ti", 40}, {"Gi", 30}, {"Mi", 20}, {"Ki", 10}, {"", 0}};

std::optional<uint64_t> ParseWhole(std::string_view digits) {
  if (digits.empty() || digits.size() > 18) return std::nullopt;
  uint64_t value = 0;
  for (char c : digits) {
    if (!IsDigit(c)) return std::nullopt;
    value = value * 10 + static_cast<uint64_t>(c - '0');
  }
  return value;
}

bool AllOf(std::string_view text, std::string_view also) {
  return std::all_of(text.begin(), text.end(), [also](char c) {
    return IsAlpha(c) || IsDigit(c) || also.find(c) != std::string_view::npos;
  });
}

}  // namespace

std::optional<std::chrono::milliseconds> ParseDuration(std::string_view text) {
  if (text.empty() || text.back() != 's') return std::nullopt;
  text.remove_suffix(1);
  size_t dot = text.find('.');
  std::optional<uint64_t> seconds = ParseWhole(text.substr(0, dot));
  constexpr uint64_t kSecondsMax = uint64_t{1} << 40;
  if (!seconds.has_value() || *seconds > kSecondsMax) return std::nullopt;
  uint64_t millis = 0;
  if (dot != std::string_view::npos) {
    std::string fraction(text.substr(dot + 1));
    if (fraction.empty() || fraction.size() > 3) return std::nullopt;
    fraction.resize(3, '0');
    std::optional<uint64_t> parsed = ParseWhole(fraction);
    if (!parsed.has_value()) return std::nullopt;
    millis = *parsed;
  }
  return std::chrono::milliseconds(static_cast<int64_t>(*seconds * 1000 + millis));
}

std::optional<Rate> ParseRate(std::string_view text) {
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos || slash > 9) return std::nullopt;
  const std::optional<uint64_t> count = ParseWhole(text.substr(0, slash));
  if (!count.has_value() || *count == 0) return std::nullopt;
  Rate rate{static_cast<int64_t>(*count), std::chrono::milliseconds(0)};
  const std::string_view unit = text.substr(slash + 1);
  if (unit == "s") rate.period = std::chrono::seconds(1);
  if (unit == "m") rate.period = std::chrono::minutes(1);
  if (unit == "h") rate.period = std::chrono::hours(1);
  if (rate.period.count() != 0) return rate;
  const auto period = ParseDuration(unit);
  if (!period.has_value() || period->count() == 0 || *period > std::chrono::hours(24 * 31)) {
    return std::nullopt;
  }
  rate.period = *period;
  return rate;
}

std::optional<uint64_t> ParseSize(std::string_view text) {
  for (const Unit& unit : kUnits) {
    if (!text.ends_with(unit.suffix)) continue;
    std::optional<uint64_t> count = ParseWhole(text.substr(0, text.size() - unit.suffix.size()));
    if (!count.has_value() || *count > (UINT64_MAX >> (unit.shift + 1))) return std::nullopt;
    return *count << unit.shift;
  }
  return std::nullopt;
}

std::string FormatSize(uint64_t bytes) {
  for (const Unit& unit : kUnits) {
    uint64_t whole = bytes >> unit.shift;
    if (whole > 0 && whole << unit.shift == bytes) return schema::Concat(whole, unit.suffix);
  }
  return schema::Concat(bytes);
}

bool IsHttpUrl(std::string_view text) {
  std::string_view rest = text;
  for (std::string_view scheme : {"https://", "http://"}) {
    if (!text.starts_with(scheme)) continue;
    rest.remove_prefix(scheme.size());
    return !rest.empty() && rest.find_first_of("/?#") != 0 &&
           rest.find_first_of(" \t\r\n") == std::string_view::npos;
  }
  return false;
}

bool IsDuration(std::string_view text) { return ParseDuration(text).has_value(); }

bool IsRate(std::string_view text) { return ParseRate(text).has_value(); }

bool IsOrigin(std::string_view text) {
  if (text == "*") return true;
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!text.starts_with(scheme)) continue;
    const std::string_view host = text.substr(scheme.size());
    return !host.empty() && std::all_of(host.begin(), host.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || IsDigit(c) || c == '-' || c == '.' || c == ':' || c == '[' ||
             c == ']';
    });
  }
  return false;
}

bool IsOrderColumn(std::string_view text) {
  return IsColumnName(text.substr(text.starts_with('-') ? 1 : 0));
}

bool IsSize(std::string_view text) { return ParseSize(text).has_value(); }

bool IsProjectId(std::string_view text) {
  return !text.empty() && text.size() <= 30 && text.front() >= 'a' && text.front() <= 'z' &&
         text.back() != '-' && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || IsDigit(c) || c == '-';
         });
}

bool IsPubsubName(std::string_view text) {
  return text.size() >= 3 && text.size() <= 255 && IsAlpha(text.front()) && AllOf(text, "-_.~+%") &&
         !text.starts_with("goog");
}

bool IsDatasetName(std::string_view text) {
  return !text.empty() && text.size() <= 1024 && AllOf(text, "_");
}

bool IsTableName(std::string_view text) {
  return !text.empty() && text.size() <= 1024 && AllOf(text, "_-");
}

bool IsColumnName(std::string_view text) {
  return !text.empty() && text.size() <= 300 && !IsDigit(text.front()) && AllOf(text, "_");
}

bool IsFunctionName(std::string_view text) {
  return !text.empty() && text.size() <= 63 && IsAlpha(text.front()) && AllOf(text, "_-");
}

}  // namespace afluente::spec
