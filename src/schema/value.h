#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace afluente::schema {

// One GoogleSQL value. What the alternatives mean depends on the type it belongs to:
//   BOOL bool; INT64 int64_t; FLOAT64 double; STRING, BYTES, JSON std::string (JSON as its text);
//   NUMERIC, BIGNUMERIC std::string (canonical decimal text); DATE int64_t days since 1970-01-01;
//   DATETIME, TIMESTAMP int64_t microseconds since 1970-01-01 (local, UTC); TIME int64_t
//   microseconds since midnight; ARRAY and STRUCT std::vector<Value>; INTERVAL std::string, as
//   BigQuery prints it ("1-2 3 4:5:6.5"); RANGE std::vector<Value> of its start and its end, of
//   which NULL is unbounded; NULL std::monostate.
struct Value {
  using List = std::vector<Value>;
  std::variant<std::monostate, bool, int64_t, double, std::string, List> data;

  Value() = default;
  explicit Value(bool v) : data(v) {}
  explicit Value(int64_t v) : data(v) {}
  explicit Value(double v) : data(v) {}
  explicit Value(std::string v) : data(std::move(v)) {}
  explicit Value(List v) : data(std::move(v)) {}

  bool is_null() const { return data.index() == 0; }
  friend bool operator==(const Value&, const Value&) = default;
};

}  // namespace afluente::schema
