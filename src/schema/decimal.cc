#include "schema/decimal.h"

#include <algorithm>
#include <cstdint>

#include "schema/text.h"

namespace afluente::schema {
namespace {

// The largest value times 10^scale, as digits ("Numeric types" in GoogleSQL's documentation).
struct Limits {
  size_t scale;
  std::string_view maximum;
  std::string_view minimum;  // without its sign
};
constexpr Limits kNumeric = {9, "99999999999999999999999999999999999999",
                             "99999999999999999999999999999999999999"};
constexpr Limits kBigNumeric = {
    38, "57896044618658097711785492504343953926634992332820282019728792003956564819967",
    "57896044618658097711785492504343953926634992332820282019728792003956564819968"};

// A parsed decimal: 0.DIGITS times 10^point.
struct Decimal {
  bool negative = false;
  std::string digits;
  int64_t point = 0;
};

// Large enough for any text that a message can hold, small enough not to overflow `point`.
constexpr int64_t kExponentMax = int64_t{1} << 40;

bool ParseExponent(std::string_view text, int64_t* exponent) {
  bool negative = !text.empty() && text[0] == '-';
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) text.remove_prefix(1);
  if (text.empty()) return false;
  int64_t value = 0;
  for (char c : text) {
    if (!IsDigit(c)) return false;
    value = std::min(value * 10 + (c - '0'), kExponentMax);
  }
  *exponent = negative ? -value : value;
  return true;
}

std::optional<Decimal> ParseDecimal(std::string_view text) {
  Decimal decimal;
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) {
    decimal.negative = text[0] == '-';
    text.remove_prefix(1);
  }
  int64_t exponent = 0;
  if (size_t e = text.find_first_of("eE"); e != std::string_view::npos) {
    if (!ParseExponent(text.substr(e + 1), &exponent)) return std::nullopt;
    text = text.substr(0, e);
  }
  size_t dot = text.find('.');
  std::string_view whole = text.substr(0, dot);
  std::string_view fraction = dot == std::string_view::npos ? "" : text.substr(dot + 1);
  if (whole.empty() && fraction.empty()) return std::nullopt;
  decimal.digits = Concat(whole, fraction);
  if (!std::all_of(decimal.digits.begin(), decimal.digits.end(), IsDigit)) {
    return std::nullopt;
  }
  decimal.point = static_cast<int64_t>(whole.size()) + exponent;
  size_t zeros = std::min(decimal.digits.find_first_not_of('0'), decimal.digits.size());
  decimal.digits.erase(0, zeros);
  decimal.point -= static_cast<int64_t>(zeros);
  decimal.digits.erase(decimal.digits.find_last_not_of('0') + 1);
  return decimal;
}

// Adds one unit in the last place.
void Increment(std::string* digits) {
  for (size_t i = digits->size(); i-- > 0;) {
    if ((*digits)[i] != '9') {
      ++(*digits)[i];
      return;
    }
    (*digits)[i] = '0';
  }
  digits->insert(0, 1, '1');
}

// The value times 10^scale, rounded to an integer without leading zeros; nullopt when too large.
std::optional<std::string> Scaled(const Decimal& decimal, const Limits& limits) {
  if (decimal.digits.empty()) return "";
  int64_t length = decimal.point + static_cast<int64_t>(limits.scale);
  if (length > static_cast<int64_t>(limits.maximum.size())) return std::nullopt;
  if (length < 0) return "";
  auto kept = static_cast<size_t>(length);
  std::string digits = decimal.digits.substr(0, kept);
  digits.append(kept - digits.size(), '0');
  if (decimal.digits.size() > kept && decimal.digits[kept] >= '5') Increment(&digits);
  std::string_view limit = decimal.negative ? limits.minimum : limits.maximum;
  if (digits.size() > limit.size() || (digits.size() == limit.size() && digits > limit)) {
    return std::nullopt;
  }
  return digits;
}

}  // namespace

std::optional<std::string> CanonicalDecimal(TypeKind kind, std::string_view text) {
  const Limits& limits = kind == TypeKind::kNumeric ? kNumeric : kBigNumeric;
  std::optional<Decimal> decimal = ParseDecimal(text);
  if (!decimal.has_value()) return std::nullopt;
  std::optional<std::string> scaled = Scaled(*decimal, limits);
  if (!scaled.has_value()) return std::nullopt;
  if (scaled->size() <= limits.scale) scaled->insert(0, limits.scale + 1 - scaled->size(), '0');
  std::string_view whole = std::string_view(*scaled).substr(0, scaled->size() - limits.scale);
  std::string_view fraction = std::string_view(*scaled).substr(whole.size());
  fraction = fraction.substr(0, fraction.find_last_not_of('0') + 1);
  bool zero = whole == "0" && fraction.empty();
  return Concat(decimal->negative && !zero ? "-" : "", whole, fraction.empty() ? "" : ".",
                fraction);
}

}  // namespace afluente::schema
