#include "schema/parse_value.h"

#include <charconv>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/charconv.h"
#include "absl/strings/escaping.h"
#include "schema/civil_time.h"
#include "schema/decimal.h"
#include "schema/interval.h"
#include "schema/json_text.h"
#include "schema/text.h"
#include "schema/utf8.h"

namespace afluente::schema {
namespace {

std::optional<int64_t> ParseHex(std::string_view digits, bool negative) {
  uint64_t magnitude;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), magnitude, 16);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  uint64_t limit = uint64_t{std::numeric_limits<int64_t>::max()} + (negative ? 1 : 0);
  if (magnitude > limit) return std::nullopt;
  return static_cast<int64_t>(negative ? 0 - magnitude : magnitude);
}

std::optional<double> SpecialFloat(std::string_view word, bool negative) {
  if (EqualsIgnoreCase(word, "nan")) return std::numeric_limits<double>::quiet_NaN();
  if (!EqualsIgnoreCase(word, "inf") && !EqualsIgnoreCase(word, "infinity")) {
    return std::nullopt;
  }
  return negative ? -std::numeric_limits<double>::infinity()
                  : std::numeric_limits<double>::infinity();
}

template <typename T>
std::optional<Value> Wrap(std::optional<T> parsed) {
  if (!parsed.has_value()) return std::nullopt;
  return Value(*std::move(parsed));
}

std::optional<Value> ParseScalar(TypeKind kind, std::string_view text) {
  switch (kind) {
    case TypeKind::kBool:
      return Wrap(ParseBool(text));
    case TypeKind::kInt64:
      return Wrap(ParseInt64(text));
    case TypeKind::kFloat64:
      return Wrap(ParseFloat64(text));
    case TypeKind::kNumeric:
    case TypeKind::kBigNumeric:
      return Wrap(CanonicalDecimal(kind, text));
    case TypeKind::kString:
      return IsUtf8(text) ? std::optional<Value>(std::string(text)) : std::nullopt;
    case TypeKind::kBytes:
      return Wrap(ParseBase64(text));
    case TypeKind::kDate:
      return Wrap(ParseDate(text));
    case TypeKind::kDatetime:
      return Wrap(ParseDatetime(text));
    case TypeKind::kTime:
      return Wrap(ParseTime(text));
    case TypeKind::kTimestamp:
      return Wrap(ParseTimestamp(text));
    case TypeKind::kJson:
      return IsJson(text) ? std::optional<Value>(std::string(StripSpace(text))) : std::nullopt;
    case TypeKind::kInterval:
      return Wrap(CanonicalInterval(text));
    case TypeKind::kArray:
    case TypeKind::kStruct:
    case TypeKind::kRange:
      return std::nullopt;
  }
  return std::nullopt;
}

// What a text of this type looks like, for messages.
std::string_view Form(TypeKind kind) {
  switch (kind) {
    case TypeKind::kBool:
      return " (true or false)";
    case TypeKind::kBytes:
      return " (base64)";
    case TypeKind::kDate:
      return " (YYYY-MM-DD)";
    case TypeKind::kDatetime:
      return " (YYYY-MM-DD HH:MM:SS[.ffffff])";
    case TypeKind::kTime:
      return " (HH:MM:SS[.ffffff])";
    case TypeKind::kTimestamp:
      return " (YYYY-MM-DD HH:MM:SS[.ffffff][Z or +HH:MM])";
    case TypeKind::kString:
      return " (UTF-8)";
    default:
      return "";
  }
}

}  // namespace

absl::StatusOr<Value> ParseValue(const Type& type, std::string_view text) {
  std::optional<Value> value = ParseScalar(type.kind, text);
  if (value.has_value()) return *std::move(value);
  return absl::InvalidArgumentError(
      Concat("expected ", type.ToString(), Form(type.kind), ", found ", QuoteForMessage(text)));
}

std::optional<int64_t> ParseInt64(std::string_view text) {
  bool negative = !text.empty() && text[0] == '-';
  if (!text.empty() && text[0] == '+') text.remove_prefix(1);
  std::string_view digits = text.substr(negative ? 1 : 0);
  if (digits.empty() || !IsDigit(digits[0])) return std::nullopt;
  if (digits.size() > 1 && digits[0] == '0' && ToLower(digits[1]) == 'x')
    return ParseHex(digits.substr(2), negative);
  int64_t value;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<double> ParseFloat64(std::string_view text) {
  bool negative = !text.empty() && text[0] == '-';
  std::string_view digits = text;
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) digits.remove_prefix(1);
  if (digits.empty()) return std::nullopt;
  if (!IsDigit(digits[0]) && digits[0] != '.') return SpecialFloat(digits, negative);
  double value;
  const char* last = digits.data() + digits.size();
  auto [end, error] = std::from_chars(digits.data(), last, value);
  if (end != last || error == std::errc::invalid_argument) return std::nullopt;
  if (error == std::errc::result_out_of_range) {
    // Too small to hold is zero, too large is an error, as in CAST.
    absl::from_chars(digits.data(), last, value);
    if (value > 1) return std::nullopt;
  }
  return negative ? -value : value;
}

std::optional<bool> ParseBool(std::string_view text) {
  if (EqualsIgnoreCase(text, "true")) return true;
  if (EqualsIgnoreCase(text, "false")) return false;
  return std::nullopt;
}

std::optional<std::string> ParseBase64(std::string_view text) {
  size_t length = text.size();
  while (length > 0 && text.size() - length < 2 && text[length - 1] == '=') --length;
  bool padded = length < text.size();
  if ((padded && text.size() % 4 != 0) || length % 4 == 1) return std::nullopt;
  std::string standard(text.substr(0, length));
  for (char& c : standard) {
    if (c == '-') c = '+';
    if (c == '_') c = '/';
    if (!IsAlpha(c) && !IsDigit(c) && c != '+' && c != '/') return std::nullopt;
  }
  std::string bytes;
  if (!absl::Base64Unescape(standard, &bytes)) return std::nullopt;
  return bytes;
}

std::string QuoteForMessage(std::string_view text) {
  constexpr size_t kShown = 64;
  std::string_view shown = text.substr(0, kShown);
  // Never cut a character in two.
  if (text.size() > kShown) {
    while (!shown.empty() && !IsUtf8(shown) && shown.size() > kShown - 4) shown.remove_suffix(1);
  }
  std::string escaped = IsUtf8(shown) ? absl::Utf8SafeCEscape(std::string(shown))
                                      : absl::CHexEscape(std::string(shown));
  return Concat("\"", escaped, "\"", shown.size() < text.size() ? "..." : "");
}

}  // namespace afluente::schema
