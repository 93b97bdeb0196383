#pragma once

#include <optional>
#include <string>
#include <vector>

#include "schema/type.h"

namespace afluente::warehouse::googlesql {

enum class TypeCode {
  kUnknown,  // a NULL literal, or what the translator cannot tell
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
  kInterval,
  kRange,
  kArray,
  kStruct,
};

struct SqlField;

// The type of an expression as far as the translator knows it. A value type.
struct SqlType {
  TypeCode code = TypeCode::kUnknown;
  std::vector<SqlField> fields;  // ARRAY, RANGE: the element alone; STRUCT: its fields

  SqlType() = default;
  SqlType(TypeCode c) : code(c) {}  // NOLINT: a code alone is a scalar type

  static SqlType Array(SqlType element);
  static SqlType Struct(std::vector<SqlField> fields);
  static SqlType Range(SqlType element);
  SqlType element() const;  // of an ARRAY or RANGE
  bool known() const { return code != TypeCode::kUnknown; }
  bool Is(TypeCode c) const { return code == c; }
  bool IsNumber() const { return code >= TypeCode::kInt64 && code <= TypeCode::kBigNumeric; }
  bool IsDecimal() const { return code == TypeCode::kNumeric || code == TypeCode::kBigNumeric; }
};

struct SqlField {
  std::string name;
  SqlType type;
};

SqlType FromSchema(const schema::Type& type);
// nullopt when some part is unknown or has no place in a table (INTERVAL).
std::optional<schema::Type> ToSchema(const SqlType& type);

// As GoogleSQL writes it.
std::string GoogleName(const SqlType& type);
// As DuckDB writes it; empty when unknown.
std::string DuckdbName(const SqlType& type);

// The type that both convert to (CASE, COALESCE, set operations).
SqlType CommonType(const SqlType& a, const SqlType& b);

// "name" with quotes doubled; 'text' likewise.
std::string QuoteName(std::string_view name);
std::string QuoteText(std::string_view text);

}  // namespace afluente::warehouse::googlesql
