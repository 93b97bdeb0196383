#include "schema/interval.h"

#include <cstdlib>

#include "schema/text.h"

namespace afluente::schema {
namespace {

constexpr int64_t kMonthsMax = 120'000;
constexpr int64_t kDaysMax = 3'660'000;
constexpr int64_t kMicrosMax = 87'840'000LL * 3'600 * 1'000'000;
constexpr int64_t kMicrosPerSecond = 1'000'000;

// Takes digits, or an empty optional; at most ten of them, so that nothing overflows.
std::optional<int64_t> TakeNumber(std::string_view* text) {
  size_t length = 0;
  int64_t value = 0;
  while (length < text->size() && length < 10 && IsDigit((*text)[length])) {
    value = value * 10 + ((*text)[length++] - '0');
  }
  if (length == 0) return std::nullopt;
  text->remove_prefix(length);
  return value;
}

bool Take(std::string_view* text, char c) {
  if (text->empty() || text->front() != c) return false;
  text->remove_prefix(1);
  return true;
}

int64_t TakeSign(std::string_view* text) {
  if (Take(text, '-')) return -1;
  Take(text, '+');
  return 1;
}

std::optional<int64_t> TakeClock(std::string_view* text) {
  const int64_t sign = TakeSign(text);
  int64_t seconds = 0;
  for (int part = 0; part < 3; ++part) {
    if (part > 0 && !Take(text, ':')) return std::nullopt;
    std::optional<int64_t> number = TakeNumber(text);
    if (!number) return std::nullopt;
    seconds = seconds * 60 + *number;
  }
  int64_t micros = 0;
  if (Take(text, '.')) {
    for (int digit = 0; digit < 6; ++digit) {
      const bool more = !text->empty() && IsDigit(text->front());
      micros = micros * 10 + (more ? text->front() - '0' : 0);
      if (more) text->remove_prefix(1);
    }
  }
  return sign * (seconds * kMicrosPerSecond + micros);
}

}  // namespace

std::string FormatInterval(const Interval& interval) {
  const int64_t months = std::abs(interval.months);
  const int64_t micros = std::abs(interval.micros);
  const int64_t seconds = micros / kMicrosPerSecond;
  std::string text = Concat(interval.months < 0 ? "-" : "", months / 12, "-", months % 12, " ",
                            interval.days, " ", interval.micros < 0 ? "-" : "", seconds / 3600, ":",
                            seconds / 60 % 60, ":", seconds % 60);
  int64_t fraction = micros % kMicrosPerSecond;
  if (fraction == 0) return text;
  size_t digits = 6;
  if (fraction % 1000 == 0) {
    fraction /= 1000;
    digits = 3;
  }
  const std::string number = std::to_string(fraction);
  return Concat(text, ".", std::string(digits - number.size(), '0'), number);
}

std::optional<Interval> ParseInterval(std::string_view text) {
  Interval interval;
  const int64_t sign = TakeSign(&text);
  std::optional<int64_t> years = TakeNumber(&text);
  if (!years || !Take(&text, '-')) return std::nullopt;
  std::optional<int64_t> months = TakeNumber(&text);
  if (!months || !Take(&text, ' ')) return std::nullopt;
  const int64_t days_sign = TakeSign(&text);
  std::optional<int64_t> days = TakeNumber(&text);
  if (!days || !Take(&text, ' ')) return std::nullopt;
  std::optional<int64_t> micros = TakeClock(&text);
  if (!micros || !text.empty()) return std::nullopt;
  interval.months = sign * (*years * 12 + *months);
  interval.days = days_sign * *days;
  interval.micros = *micros;
  const bool fits = std::abs(interval.months) <= kMonthsMax &&
                    std::abs(interval.days) <= kDaysMax && std::abs(interval.micros) <= kMicrosMax;
  if (!fits) return std::nullopt;
  return interval;
}

std::optional<std::string> CanonicalInterval(std::string_view text) {
  std::optional<Interval> interval = ParseInterval(text);
  if (!interval) return std::nullopt;
  return FormatInterval(*interval);
}

}  // namespace afluente::schema
