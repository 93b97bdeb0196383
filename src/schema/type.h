#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace afluente::schema {

// GoogleSQL's data types.
enum class TypeKind {
  kBool,
  kInt64,
  kFloat64,
  kNumeric,
  kBigNumeric,
  kString,
  kBytes,
  kDate,
  kDatetime,
  kTime,
  kTimestamp,
  kJson,
  kArray,
  kStruct,
  kInterval,
  kRange,
};

struct Field;

// A GoogleSQL type: scalar, ARRAY<element>, STRUCT<fields> or RANGE<element>. A value type.
struct Type {
  TypeKind kind = TypeKind::kInt64;
  // ARRAY and RANGE: exactly one field, the element (its name is empty). STRUCT: the fields in
  // order.
  std::vector<Field> fields;

  friend bool operator==(const Type&, const Type&) = default;

  static Type Array(Type element);
  static Type Struct(std::vector<Field> fields);
  static Type Range(Type element);
  const Type& element() const;

  // As GoogleSQL writes it: "ARRAY<STRUCT<a INT64, b STRING>>".
  std::string ToString() const;
};

struct Field {
  std::string name;
  Type type;

  friend bool operator==(const Field&, const Field&) = default;
};

// BigQuery's column modes. REPEATED is expressed by an ARRAY type, so it is not here.
enum class Mode { kNullable, kRequired };

// A table's column.
struct Column {
  std::string name;
  Type type;
  Mode mode = Mode::kNullable;
  std::string description;

  friend bool operator==(const Column&, const Column&) = default;
};

// "INT64", also BigQuery's legacy spellings (INTEGER, FLOAT, BOOLEAN, RECORD is not a type name
// here), case-insensitive, and the compound forms "ARRAY<INT64>", "STRUCT<a INT64, b
// ARRAY<STRING>>", "RANGE<DATE>". INVALID_ARGUMENT names what was not understood.
absl::StatusOr<Type> ParseType(std::string_view text);

}  // namespace afluente::schema
