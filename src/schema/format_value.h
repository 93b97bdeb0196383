#pragma once

#include <cstdint>
#include <string>

namespace afluente::schema {

// Values to text as BigQuery writes them. Fractions of a second have 0, 3 or 6 digits, whichever
// loses nothing. Values outside years 0001 to 9999 are a broken invariant of the caller: the year
// is then written with as many digits as it needs.

// "2013-01-31".
std::string FormatDate(int64_t days);
// "07:08:09.250".
std::string FormatTime(int64_t micros);
// "2013-01-31T07:08:09" as in BigQuery's JSON; CAST writes ' ' for `separator`.
std::string FormatDatetime(int64_t micros, char separator = 'T');
// "2013-01-31 07:08:09.250+00", as CAST writes it.
std::string FormatTimestamp(int64_t micros);
// "2013-01-31T07:08:09.250Z" (RFC 3339).
std::string FormatRfc3339(int64_t micros);
// The shortest text that reads back as the same number; "NaN", "Infinity", "-Infinity".
std::string FormatFloat64(double value);
// Standard base64 with padding.
std::string FormatBase64(const std::string& bytes);

}  // namespace afluente::schema
