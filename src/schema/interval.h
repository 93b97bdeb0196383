#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace afluente::schema {

// An INTERVAL: three parts that never mix, each with a sign of its own.
struct Interval {
  int64_t months = 0;
  int64_t days = 0;
  int64_t micros = 0;
};

// "Y-M D H:M:S[.F]", as BigQuery prints it: "0-0 3 4:5:6.5", "-1-2 0 0:0:0".
std::string FormatInterval(const Interval& interval);

// That form; nullopt for any other text, or beyond BigQuery's 10,000 years.
std::optional<Interval> ParseInterval(std::string_view text);
// The same text as FormatInterval would write it.
std::optional<std::string> CanonicalInterval(std::string_view text);

}  // namespace afluente::schema
