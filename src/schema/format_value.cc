#include "schema/format_value.h"

#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <string_view>

#include "absl/strings/escaping.h"

namespace afluente::schema {
namespace {

constexpr int64_t kSecond = 1'000'000;
constexpr int64_t kDay = 86'400 * kSecond;

void AppendPadded(std::string* text, int64_t value, size_t width) {
  char digits[24];
  auto [end, error] = std::to_chars(digits, digits + sizeof digits, value);
  auto length = static_cast<size_t>(end - digits);
  if (length < width) text->append(width - length, '0');
  text->append(digits, length);
}

void AppendDate(std::string* text, int64_t days) {
  std::chrono::year_month_day date{
      std::chrono::sys_days(std::chrono::days(static_cast<int>(days)))};
  AppendPadded(text, static_cast<int>(date.year()), 4);
  *text += '-';
  AppendPadded(text, static_cast<unsigned>(date.month()), 2);
  *text += '-';
  AppendPadded(text, static_cast<unsigned>(date.day()), 2);
}

void AppendTime(std::string* text, int64_t micros) {
  int64_t seconds = micros / kSecond, fraction = micros % kSecond;
  AppendPadded(text, seconds / 3600, 2);
  *text += ':';
  AppendPadded(text, seconds / 60 % 60, 2);
  *text += ':';
  AppendPadded(text, seconds % 60, 2);
  if (fraction == 0) return;
  *text += '.';
  bool millis = fraction % 1000 == 0;
  AppendPadded(text, millis ? fraction / 1000 : fraction, millis ? 3 : 6);
}

}  // namespace

std::string FormatDate(int64_t days) {
  std::string text;
  AppendDate(&text, days);
  return text;
}

std::string FormatTime(int64_t micros) {
  std::string text;
  AppendTime(&text, micros);
  return text;
}

std::string FormatDatetime(int64_t micros, char separator) {
  int64_t days = micros / kDay - (micros % kDay < 0 ? 1 : 0);
  std::string text;
  text.reserve(27);
  AppendDate(&text, days);
  text += separator;
  AppendTime(&text, micros - days * kDay);
  return text;
}

std::string FormatTimestamp(int64_t micros) { return FormatDatetime(micros, ' ') + "+00"; }

std::string FormatRfc3339(int64_t micros) { return FormatDatetime(micros, 'T') + "Z"; }

std::string FormatFloat64(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  char digits[32];
  auto [end, error] = std::to_chars(digits, digits + sizeof digits, value);
  return std::string(digits, end);
}

std::string FormatBase64(const std::string& bytes) { return absl::Base64Escape(bytes); }

}  // namespace afluente::schema
