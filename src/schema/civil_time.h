#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

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

}  // namespace afluente::schema
