// CAST and SAFE_CAST: one template for each pair of types whose meaning differs from DuckDB's.
#include "warehouse/googlesql/emitter.h"
#include "warehouse/googlesql/sql_error.h"
#include "warehouse/googlesql/sql_template.h"
#include "warehouse/googlesql/text.h"

namespace afluente::warehouse::googlesql {
namespace {

struct CastRule {
  TypeCode from;
  TypeCode to;
  std::string_view text;
};

constexpr CastRule kRules[] = {
    {TypeCode::kFloat64, TypeCode::kString,
     "regexp_replace(CAST($1 + 0e0 AS VARCHAR), '\\.0$', '')"},
    {TypeCode::kNumeric, TypeCode::kString, "rtrim(rtrim(CAST($1 AS VARCHAR), '0'), '.')"},
    {TypeCode::kBigNumeric, TypeCode::kString, "rtrim(rtrim(CAST($1 AS VARCHAR), '0'), '.')"},
    {TypeCode::kBytes, TypeCode::kString, "decode($1)"},
    {TypeCode::kInterval, TypeCode::kString, "gsql_interval_text($1)"},
    {TypeCode::kTimestamp, TypeCode::kString, "gsql_timestamp_text($1)"},
    {TypeCode::kDatetime, TypeCode::kString, "gsql_datetime_text($1)"},
    {TypeCode::kTime, TypeCode::kString, "gsql_time_text($1)"},
    {TypeCode::kTimestamp, TypeCode::kTime, "CAST(($1 AT TIME ZONE 'UTC') AS TIME)"},
    {TypeCode::kString, TypeCode::kBytes, "encode($1)"},
    {TypeCode::kFloat64, TypeCode::kInt64, "CAST(round($1) AS BIGINT)"},
    {TypeCode::kString, TypeCode::kInt64, "gsql_text_to_int64($1, $E(Bad int64 value))"},
    {TypeCode::kString, TypeCode::kBool,
     "CASE lower($1) WHEN 'true' THEN TRUE WHEN 'false' THEN FALSE ELSE "
     "CASE WHEN $1 IS NULL THEN NULL ELSE $E(Bad bool value) END END"},
};

constexpr std::pair<TypeCode, TypeCode> kRefused[] = {
    {TypeCode::kBool, TypeCode::kFloat64},      {TypeCode::kBool, TypeCode::kNumeric},
    {TypeCode::kFloat64, TypeCode::kBool},      {TypeCode::kInt64, TypeCode::kDate},
    {TypeCode::kInt64, TypeCode::kTimestamp},   {TypeCode::kInt64, TypeCode::kBytes},
    {TypeCode::kDate, TypeCode::kInt64},        {TypeCode::kTimestamp, TypeCode::kInt64},
    {TypeCode::kFloat64, TypeCode::kTimestamp}, {TypeCode::kFloat64, TypeCode::kDate},
    {TypeCode::kBytes, TypeCode::kInt64},       {TypeCode::kDatetime, TypeCode::kInt64},
    {TypeCode::kTime, TypeCode::kInt64},        {TypeCode::kDate, TypeCode::kTime},
    {TypeCode::kTime, TypeCode::kDate},         {TypeCode::kBool, TypeCode::kDate},
};

bool Castable(TypeCode from, TypeCode to) {
  if (from == to || from == TypeCode::kUnknown) return true;
  for (const auto& [a, b] : kRefused) {
    if (a == from && b == to) return false;
  }
  const bool json = from == TypeCode::kJson || to == TypeCode::kJson;
  const bool nested = from >= TypeCode::kArray || to >= TypeCode::kArray;
  return !json && !nested;
}

}  // namespace

Emitted Emitter::EmitCast(Emitted value, const SqlType& target, bool safe, size_t at) {
  if (!Castable(value.type.code, target.code)) {
    Fail(at, Cat("Invalid cast from ", GoogleName(value.type), " to ", GoogleName(target)));
  }
  for (const CastRule& rule : kRules) {
    if (rule.from != value.type.code || rule.to != target.code) continue;
    return {Expand(rule.text, {value.sql}, safe), target};
  }
  value = Conform(std::move(value), target);
  const std::string name = DuckdbName(target);
  if (name.empty()) FailUnsupported(at, Cat("CAST to ", GoogleName(target)));
  return {Cat(safe ? "TRY_CAST(" : "CAST(", value.sql, " AS ", name, ")"), target};
}

}  // namespace afluente::warehouse::googlesql
