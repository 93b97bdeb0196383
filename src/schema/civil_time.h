#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "schema/type.h"

namespace afluente::schema {

// Text to dates and times, in the forms that GoogleSQL casts ("Conversion rules" in its
// documentation), years 0001 to 9999. nullopt: not of that form, no such day, or out of range.

// "YYYY-[M]M-[D]D" as days since 1970-01-01.
std::optional<int64_t> ParseDate(std::string_view text);
// "[H]H:[M]M:[S]S[.F]", F up to six digits, as microseconds since midnight.
std::optional<int64_t> ParseTime(std::string_view text);
// A date, or a date, one of " Tt" and a time, as microseconds since 1970-01-01.
std::optional<int64_t> ParseDatetime(std::string_view text);
// A datetime, then nothing (UTC), "Z", " UTC" or an offset "[ ]{+|-}[H]H[:[M]M]", as microseconds
// since 1970-01-01 UTC. Other zone names are not known: their rules change from machine to machine.
std::optional<int64_t> ParseTimestamp(std::string_view text);

// The range of TIMESTAMP and DATETIME in microseconds: 0001-01-01 to 9999-12-31.
inline constexpr int64_t kMicrosMin = -62'135'596'800'000'000;
inline constexpr int64_t kMicrosMax = 253'402'300'799'999'999;

// Whether the number, as a Value holds it, is a DATE, TIME, DATETIME or TIMESTAMP.
inline bool IsTimeValue(TypeKind kind, int64_t number) {
  constexpr int64_t kDay = int64_t{86'400} * 1'000'000;
  if (kind == TypeKind::kTime) return number >= 0 && number < kDay;
  if (kind != TypeKind::kDate) return number >= kMicrosMin && number <= kMicrosMax;
  return number >= kMicrosMin / kDay && number <= kMicrosMax / kDay;
}

}  // namespace afluente::schema
