#include "schema/civil_time.h"

#include <chrono>

namespace afluente::schema {
namespace {

constexpr int64_t kSecond = 1'000'000;
constexpr int64_t kDay = 86'400 * kSecond;

// Reads from the front of a text; each method takes what it names or says no.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : at_(text.data()), end_(at_ + text.size()) {}

  bool AtEnd() const { return at_ == end_; }
  bool Take(char c) {
    if (at_ == end_ || *at_ != c) return false;
    ++at_;
    return true;
  }
  bool TakeEither(char a, char b) { return Take(a) || Take(b); }

  // `least` to `most` digits as a number.
  bool Number(int least, int most, int* value) {
    int count = 0;
    *value = 0;
    for (; count < most && at_ != end_ && *at_ >= '0' && *at_ <= '9'; ++count, ++at_) {
      *value = *value * 10 + (*at_ - '0');
    }
    return count >= least;
  }

  bool Date(int64_t* days) {
    int year, month, day;
    if (!Number(4, 4, &year) || !Take('-') || !Number(1, 2, &month) || !Take('-')) return false;
    if (!Number(1, 2, &day) || year == 0) return false;
    std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month),
                                     std::chrono::day(day)};
    if (!date.ok()) return false;
    *days = std::chrono::sys_days(date).time_since_epoch().count();
    return true;
  }

  bool Time(int64_t* micros) {
    int hour, minute, second;
    if (!Number(1, 2, &hour) || !Take(':') || !Number(1, 2, &minute) || !Take(':')) return false;
    if (!Number(1, 2, &second) || hour > 23 || minute > 59 || second > 59) return false;
    int64_t fraction = 0;
    if (Take('.') && !Fraction(&fraction)) return false;
    *micros = ((hour * 60 + minute) * 60 + second) * kSecond + fraction;
    return true;
  }

  // "Z", "UTC" or an offset, as microseconds to subtract.
  bool Zone(int64_t* offset) {
    *offset = 0;
    bool space = Take(' ');
    if (TakeEither('Z', 'z')) return true;
    if (space && TakeEither('U', 'u')) return TakeEither('T', 't') && TakeEither('C', 'c');
    bool negative = Take('-');
    if (!negative && !Take('+')) return false;
    int hours, minutes = 0;
    if (!Number(1, 2, &hours)) return false;
    if (Take(':') && !Number(1, 2, &minutes)) return false;
    if (hours > 14 || minutes > 59 || (hours == 14 && minutes > 0)) return false;
    *offset = (hours * 60 + minutes) * 60 * kSecond * (negative ? -1 : 1);
    return true;
  }

 private:
  bool Fraction(int64_t* micros) {
    int64_t unit = kSecond / 10;
    for (; at_ != end_ && *at_ >= '0' && *at_ <= '9'; ++at_, unit /= 10) {
      if (unit == 0) return false;
      *micros += (*at_ - '0') * unit;
    }
    return true;
  }

  const char* at_;
  const char* end_;
};

bool ScanDatetime(Scanner* scanner, int64_t* micros) {
  int64_t days, time = 0;
  if (!scanner->Date(&days)) return false;
  *micros = days * kDay;
  if (scanner->AtEnd()) return true;
  bool separated = scanner->Take(' ') || scanner->TakeEither('T', 't');
  if (!separated || !scanner->Time(&time)) return false;
  *micros += time;
  return true;
}

}  // namespace

std::optional<int64_t> ParseDate(std::string_view text) {
  Scanner scanner(text);
  int64_t days;
  if (!scanner.Date(&days) || !scanner.AtEnd()) return std::nullopt;
  return days;
}

std::optional<int64_t> ParseTime(std::string_view text) {
  Scanner scanner(text);
  int64_t micros;
  if (!scanner.Time(&micros) || !scanner.AtEnd()) return std::nullopt;
  return micros;
}

std::optional<int64_t> ParseDatetime(std::string_view text) {
  Scanner scanner(text);
  int64_t micros;
  if (!ScanDatetime(&scanner, &micros) || !scanner.AtEnd()) return std::nullopt;
  return micros;
}

std::optional<int64_t> ParseTimestamp(std::string_view text) {
  Scanner scanner(text);
  int64_t micros, offset = 0;
  if (!ScanDatetime(&scanner, &micros)) return std::nullopt;
  if (!scanner.AtEnd() && (!scanner.Zone(&offset) || !scanner.AtEnd())) return std::nullopt;
  micros -= offset;
  if (micros < kMicrosMin || micros > kMicrosMax) return std::nullopt;
  return micros;
}

}  // namespace afluente::schema
