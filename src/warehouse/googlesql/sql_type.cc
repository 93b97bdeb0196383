#include "warehouse/googlesql/sql_type.h"

#include <algorithm>
#include <utility>

#include "warehouse/googlesql/text.h"

namespace afluente::warehouse::googlesql {
namespace {

struct TypeNames {
  TypeCode code;
  std::string_view google;
  std::string_view duckdb;
  std::optional<schema::TypeKind> kind;
};

constexpr TypeNames kTypes[] = {
    {TypeCode::kUnknown, "UNKNOWN", "", std::nullopt},
    {TypeCode::kBool, "BOOL", "BOOLEAN", schema::TypeKind::kBool},
    {TypeCode::kInt64, "INT64", "BIGINT", schema::TypeKind::kInt64},
    {TypeCode::kFloat64, "FLOAT64", "DOUBLE", schema::TypeKind::kFloat64},
    {TypeCode::kNumeric, "NUMERIC", "DECIMAL(38,9)", schema::TypeKind::kNumeric},
    {TypeCode::kBigNumeric, "BIGNUMERIC", "DECIMAL(38,18)", schema::TypeKind::kBigNumeric},
    {TypeCode::kString, "STRING", "VARCHAR", schema::TypeKind::kString},
    {TypeCode::kBytes, "BYTES", "BLOB", schema::TypeKind::kBytes},
    {TypeCode::kDate, "DATE", "DATE", schema::TypeKind::kDate},
    {TypeCode::kDatetime, "DATETIME", "TIMESTAMP", schema::TypeKind::kDatetime},
    {TypeCode::kTime, "TIME", "TIME", schema::TypeKind::kTime},
    {TypeCode::kTimestamp, "TIMESTAMP", "TIMESTAMPTZ", schema::TypeKind::kTimestamp},
    {TypeCode::kJson, "JSON", "JSON", schema::TypeKind::kJson},
    {TypeCode::kInterval, "INTERVAL", "INTERVAL", schema::TypeKind::kInterval},
    {TypeCode::kRange, "RANGE", "", schema::TypeKind::kRange},
    {TypeCode::kArray, "ARRAY", "", schema::TypeKind::kArray},
    {TypeCode::kStruct, "STRUCT", "", schema::TypeKind::kStruct},
};

const TypeNames& Names(TypeCode code) { return kTypes[static_cast<size_t>(code)]; }

int NumberRank(TypeCode code) {
  switch (code) {
    case TypeCode::kInt64:
      return 1;
    case TypeCode::kNumeric:
      return 2;
    case TypeCode::kBigNumeric:
      return 3;
    default:
      return 4;
  }
}

}  // namespace

SqlType SqlType::Array(SqlType element) {
  SqlType type(TypeCode::kArray);
  type.fields.push_back({"", std::move(element)});
  return type;
}

SqlType SqlType::Struct(std::vector<SqlField> fields) {
  SqlType type(TypeCode::kStruct);
  type.fields = std::move(fields);
  return type;
}

SqlType SqlType::Range(SqlType element) {
  SqlType type(TypeCode::kRange);
  type.fields.push_back({"", std::move(element)});
  return type;
}

SqlType SqlType::element() const {
  const bool has_element = code == TypeCode::kArray || code == TypeCode::kRange;
  return has_element && !fields.empty() ? fields[0].type : SqlType();
}

SqlType FromSchema(const schema::Type& type) {
  SqlType result;
  for (const TypeNames& names : kTypes) {
    if (names.kind == type.kind) result.code = names.code;
  }
  for (const schema::Field& field : type.fields) {
    result.fields.push_back({field.name, FromSchema(field.type)});
  }
  return result;
}

std::optional<schema::Type> ToSchema(const SqlType& type) {
  const TypeNames& names = Names(type.code);
  if (!names.kind.has_value()) return std::nullopt;
  schema::Type result;
  result.kind = *names.kind;
  for (const SqlField& field : type.fields) {
    std::optional<schema::Type> inner = ToSchema(field.type);
    if (!inner.has_value()) return std::nullopt;
    result.fields.push_back({field.name, *std::move(inner)});
  }
  return result;
}

std::string GoogleName(const SqlType& type) {
  if (type.Is(TypeCode::kArray)) return Cat("ARRAY<", GoogleName(type.element()), ">");
  if (type.Is(TypeCode::kRange)) return Cat("RANGE<", GoogleName(type.element()), ">");
  std::string name(Names(type.code).google);
  if (!type.Is(TypeCode::kStruct)) return name;
  name += "<";
  for (size_t i = 0; i < type.fields.size(); ++i) {
    const SqlField& field = type.fields[i];
    Append(&name, i == 0 ? "" : ", ", field.name, field.name.empty() ? "" : " ",
           GoogleName(field.type));
  }
  return name + ">";
}

std::string DuckdbName(const SqlType& type) {
  if (type.Is(TypeCode::kArray)) {
    std::string element = DuckdbName(type.element());
    return element.empty() ? "" : element + "[]";
  }
  if (type.Is(TypeCode::kRange)) {
    const std::string bound = DuckdbName(type.element());
    return bound.empty() ? "" : Cat("STRUCT(\"[\" ", bound, ", \")\" ", bound, ")");
  }
  if (!type.Is(TypeCode::kStruct)) return std::string(Names(type.code).duckdb);
  std::string name = "STRUCT(";
  for (size_t i = 0; i < type.fields.size(); ++i) {
    const std::string inner = DuckdbName(type.fields[i].type);
    if (inner.empty()) return "";
    const std::string& field = type.fields[i].name;
    Append(&name, i == 0 ? "" : ", ", QuoteName(field.empty() ? Cat("_field_", i + 1) : field), " ",
           inner);
  }
  return name + ")";
}

SqlType CommonType(const SqlType& a, const SqlType& b) {
  if (!a.known()) return b;
  if (!b.known()) return a;
  if (a.Is(TypeCode::kArray) && b.Is(TypeCode::kArray)) {
    return SqlType::Array(CommonType(a.element(), b.element()));
  }
  if (a.code == b.code) return a;
  if (a.IsNumber() && b.IsNumber()) return NumberRank(a.code) >= NumberRank(b.code) ? a : b;
  // A string literal takes the other side's type.
  if (a.Is(TypeCode::kString)) return b;
  if (b.Is(TypeCode::kString)) return a;
  return a;
}

std::string QuoteName(std::string_view name) {
  std::string quoted = "\"";
  for (char c : name) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + "\"";
}

std::string QuoteText(std::string_view text) {
  if (text.find('\0') != std::string_view::npos) {
    // DuckDB's own text ends at a NUL byte, so it is spliced in by code.
    std::string joined = "(";
    size_t start = 0;
    while (true) {
      const size_t nul = text.find('\0', start);
      Append(&joined, QuoteText(text.substr(start, nul - start)));
      if (nul == std::string_view::npos) return joined + ")";
      joined += " || chr(0) || ";
      start = nul + 1;
    }
  }
  std::string quoted = "'";
  for (char c : text) {
    if (c == '\'') quoted += '\'';
    quoted += c;
  }
  return quoted + "'";
}

}  // namespace afluente::warehouse::googlesql
