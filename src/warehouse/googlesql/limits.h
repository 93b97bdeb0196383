#pragma once

#include <cstddef>

namespace afluente::warehouse::googlesql {

// What one statement may hold. DuckDB plans within a second or so what these let through: it
// cannot be interrupted while it plans. The first four are BigQuery's own.
inline constexpr size_t kStatementBytesMax = size_t{1} << 20;
inline constexpr size_t kParametersMax = 10'000;
inline constexpr size_t kSelectListMax = 10'000;
inline constexpr size_t kCubeColumnsMax = 12;
inline constexpr size_t kExpressionsMax = 100'000;
inline constexpr size_t kSelectsMax = 1'000;    // branches of set operations, subqueries, WITH
inline constexpr size_t kSubqueriesMax = 200;   // inside expressions
inline constexpr size_t kWindowsMax = 200;      // OVER clauses
inline constexpr size_t kOperandsMax = 10'000;  // of one AND, OR or || chain
inline constexpr size_t kStructFieldsMax = 1'000;
inline constexpr size_t kKeysMax = 1'000;       // of one ORDER BY, GROUP BY or PARTITION BY
inline constexpr size_t kJoinedTablesMax = 75;  // DuckDB's join order takes their cube
inline constexpr size_t kJoinsMax = 200;        // in the whole statement
// Of the emitted text: aliases used inside aliases could make it grow without bound.
inline constexpr size_t kOutputBytesMax = size_t{8} << 20;

}  // namespace afluente::warehouse::googlesql
