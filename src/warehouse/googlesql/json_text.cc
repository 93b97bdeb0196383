#include "warehouse/googlesql/json_text.h"

#include "warehouse/googlesql/sql_template.h"
#include "warehouse/googlesql/text.h"

namespace afluente::warehouse::googlesql {
namespace {

std::string Template(const SqlType& type, int depth, bool text);

std::string StructTemplate(const SqlType& type, int depth, bool integers_as_text) {
  std::string text = "CASE WHEN $1 IS NOT NULL THEN '{' || ";
  for (size_t i = 0; i < type.fields.size(); ++i) {
    const SqlField& field = type.fields[i];
    const std::string name = EscapeTemplate(QuoteText(field.name));
    const std::string inner = Substitute(Template(field.type, depth + 1, integers_as_text),
                                         Cat("struct_extract($1, ", name, ")"));
    Append(&text, "CAST(to_json(", name, ") AS VARCHAR) || ':' || coalesce(", inner,
           ", 'null') || ", i + 1 < type.fields.size() ? "',' || " : "");
  }
  return text + "'}' END";
}

// Over $1.
std::string Template(const SqlType& type, int depth, bool integers_as_text) {
  switch (type.code) {
    case TypeCode::kInt64:
      if (integers_as_text) return "('\"' || CAST($1 AS VARCHAR) || '\"')";
      return "CAST($1 AS VARCHAR)";
    case TypeCode::kBool:
    case TypeCode::kJson:
      return "CAST($1 AS VARCHAR)";
    case TypeCode::kFloat64:
      return "CASE WHEN isfinite($1) THEN regexp_replace(CAST($1 AS VARCHAR), '\\.0$', '') "
             "WHEN isnan($1) THEN '\"NaN\"' WHEN $1 > 0 THEN '\"Infinity\"' "
             "WHEN $1 < 0 THEN '\"-Infinity\"' END";
    case TypeCode::kNumeric:
    case TypeCode::kBigNumeric:
      return "rtrim(rtrim(CAST($1 AS VARCHAR), '0'), '.')";
    case TypeCode::kString:
      return "CAST(to_json($1) AS VARCHAR)";
    case TypeCode::kBytes:
      return "('\"' || to_base64($1) || '\"')";
    case TypeCode::kInterval:
      return "('\"' || gsql_interval_text($1) || '\"')";
    case TypeCode::kDate:
      return "('\"' || CAST($1 AS VARCHAR) || '\"')";
    case TypeCode::kTime:
      return "('\"' || gsql_time_text($1) || '\"')";
    case TypeCode::kDatetime:
      return "('\"' || replace(gsql_datetime_text($1), ' ', 'T') || '\"')";
    case TypeCode::kTimestamp:
      return "('\"' || replace(replace(gsql_timestamp_text($1), ' ', 'T'), '+00', 'Z') || '\"')";
    case TypeCode::kArray: {
      const std::string name = Cat("e", depth);
      const std::string inner =
          Substitute(Template(type.element(), depth + 1, integers_as_text), name);
      return Cat("('[' || array_to_string(list_transform($1, lambda ", name, ": coalesce(", inner,
                 ", 'null')), ',') || ']')");
    }
    case TypeCode::kStruct:
      return StructTemplate(type, depth, integers_as_text);
    default:
      return "CAST(to_json($1) AS VARCHAR)";
  }
}

}  // namespace

std::string JsonText(const Emitted& value) {
  return Expand(Template(value.type, 0, false), {value.sql}, false);
}

std::string JavaScriptText(const Emitted& value) {
  return Expand(Template(value.type, 0, true), {value.sql}, false);
}

}  // namespace afluente::warehouse::googlesql
