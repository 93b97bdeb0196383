// JSON.
#include "warehouse/googlesql/function_table.h"
#include "warehouse/googlesql/json_path.h"
#include "warehouse/googlesql/json_text.h"
#include "warehouse/googlesql/sql_error.h"
#include "warehouse/googlesql/sql_template.h"
#include "warehouse/googlesql/text.h"

namespace afluente::warehouse::googlesql {
namespace {

// The document: text that is not JSON is NULL.
std::string Document(const CallContext& context) {
  const Emitted& value = context.args[0];
  if (value.type.Is(TypeCode::kJson)) return value.sql;
  if (value.type.known() && !value.type.Is(TypeCode::kString)) {
    Fail(context.call.args[0]->at, Cat("No matching signature for function ", context.call.text,
                                       " for argument types: ", GoogleName(value.type)));
  }
  return Cat("TRY_CAST(", value.sql, " AS JSON)");
}

std::string Path(const CallContext& context, std::string_view suffix = "") {
  if (context.args.size() < 2) return QuoteText(Cat("$", suffix));
  const Expression& path = *context.call.args[1];
  if (path.kind != ExpressionKind::kString) {
    FailUnsupported(path.at, "A JSONPath that is not a string literal");
  }
  std::optional<std::string> translated = TranslateJsonPath(path.text);
  if (!translated.has_value()) {
    Fail(path.at, Cat("Invalid JSONPath in ", context.call.text, ": ", path.text));
  }
  return QuoteText(Cat(*translated, suffix));
}

Emitted EmitValue(CallContext& context) {
  return {Cat("(json_value(", Document(context), ", ", Path(context), ") ->> '$')"),
          TypeCode::kString};
}

Emitted EmitQueryFunction(CallContext& context) {
  const std::string sql = Cat("json_extract(", Document(context), ", ", Path(context), ")");
  if (context.args[0].type.Is(TypeCode::kJson)) return {sql, TypeCode::kJson};
  return {Cat("nullif(CAST(", sql, " AS VARCHAR), 'null')"), TypeCode::kString};
}

std::string Elements(CallContext& context) {
  return Expand("CASE WHEN json_type($1, $2) = 'ARRAY' THEN json_extract($1, $3) END",
                {Document(context), Path(context), Path(context, "[*]")}, false);
}

Emitted EmitQueryArray(CallContext& context) {
  const std::string sql = Elements(context);
  if (context.args[0].type.Is(TypeCode::kJson)) return {sql, SqlType::Array(TypeCode::kJson)};
  return {Cat("CAST(", sql, " AS VARCHAR[])"), SqlType::Array(TypeCode::kString)};
}

Emitted EmitValueArray(CallContext& context) {
  return {Cat("list_transform(", Elements(context), ", lambda e: json_value(e, '$') ->> '$')"),
          SqlType::Array(TypeCode::kString)};
}

Emitted EmitToJsonString(CallContext& context) {
  return {Cat("coalesce(", JsonText(context.args[0]), ", 'null')"), TypeCode::kString};
}

Emitted EmitToJson(CallContext& context) {
  return {Cat("CAST(coalesce(", JsonText(context.args[0]), ", 'null') AS JSON)"), TypeCode::kJson};
}

Emitted EmitString(CallContext& context) {
  const SqlType& type = context.args[0].type;
  if (type.Is(TypeCode::kJson)) {
    return {context.Fill("CASE json_type($1) WHEN 'VARCHAR' THEN $1 ->> '$' ELSE "
                         "CASE WHEN $1 IS NULL THEN NULL ELSE $E(The provided JSON input is not a "
                         "string) END END"),
            TypeCode::kString};
  }
  if (context.args.size() > 1) {
    return {context.Fill("gsql_timestamp_text_at($1, $2)"), TypeCode::kString};
  }
  return context.emitter.EmitCast(context.args[0], TypeCode::kString, context.safe(),
                                  context.call.at);
}

Emitted EmitLax(CallContext& context) {
  const std::string& name = context.call.text;
  const std::string text = "(json_value($1, '$') ->> '$')";
  if (name == "LAX_STRING") return {context.Fill(text), TypeCode::kString};
  if (name == "LAX_FLOAT64") {
    return {context.Fill(Cat("CASE json_type($1) WHEN 'BOOLEAN' THEN NULL ELSE TRY_CAST(", text,
                             " AS DOUBLE) END")),
            TypeCode::kFloat64};
  }
  if (name == "LAX_INT64") {
    return {context.Fill(Cat("CASE json_type($1) WHEN 'BOOLEAN' THEN CASE ", text,
                             " WHEN 'true' THEN 1 ELSE 0 END WHEN 'BIGINT' THEN TRY_CAST(", text,
                             " AS BIGINT) ELSE TRY_CAST(round(TRY_CAST(", text,
                             " AS DOUBLE)) AS BIGINT) END")),
            TypeCode::kInt64};
  }
  return {context.Fill(Cat("CASE json_type($1) WHEN 'BOOLEAN' THEN CAST(", text,
                           " AS BOOLEAN) WHEN 'VARCHAR' THEN CASE lower(", text,
                           ") WHEN 'true' THEN TRUE WHEN 'false' THEN FALSE END ELSE "
                           "TRY_CAST(",
                           text, " AS DOUBLE) <> 0 END")),
          TypeCode::kBool};
}

// JSON_OBJECT and JSON_ARRAY.
Emitted EmitConstructor(CallContext& context) {
  const bool object = context.call.text == "JSON_OBJECT";
  if (object && context.args.size() % 2 != 0) {
    Fail(context.call.at,
         "No matching signature for function JSON_OBJECT: keys and values come in "
         "pairs");
  }
  std::string sql = object ? "json_object(" : "json_array(";
  for (size_t i = 0; i < context.args.size(); ++i) {
    const bool key = object && i % 2 == 0;
    Append(&sql, i == 0 ? "" : ", ",
           key ? context.args[i].sql : Cat("CAST(", JsonText(context.args[i]), " AS JSON)"));
  }
  return {sql + ")", TypeCode::kJson};
}

constexpr FunctionKind kScalar = FunctionKind::kScalar;

constexpr Function kFunctions[] = {
    {"JSON_VALUE", 1, 2, "", Result::kString, kScalar, EmitValue},
    {"JSON_EXTRACT_SCALAR", 1, 2, "", Result::kString, kScalar, EmitValue},
    {"JSON_QUERY", 1, 2, "", Result::kArgument, kScalar, EmitQueryFunction},
    {"JSON_EXTRACT", 1, 2, "", Result::kArgument, kScalar, EmitQueryFunction},
    {"JSON_QUERY_ARRAY", 1, 2, "", Result::kArrayOfArgument, kScalar, EmitQueryArray},
    {"JSON_EXTRACT_ARRAY", 1, 2, "", Result::kArrayOfArgument, kScalar, EmitQueryArray},
    {"JSON_VALUE_ARRAY", 1, 2, "", Result::kStrings, kScalar, EmitValueArray},
    {"JSON_EXTRACT_STRING_ARRAY", 1, 2, "", Result::kStrings, kScalar, EmitValueArray},
    {"TO_JSON_STRING", 1, 1, "", Result::kString, kScalar, EmitToJsonString},
    {"TO_JSON", 1, 1, "", Result::kJson, kScalar, EmitToJson},
    {"PARSE_JSON", 1, 1, "CAST(json($1) AS JSON)", Result::kJson},
    {"JSON_TYPE", 1, 1, "gsql_json_type($1)", Result::kString},
    {"JSON_OBJECT", 0, -1, "", Result::kJson, kScalar, EmitConstructor},
    {"JSON_ARRAY", 0, -1, "", Result::kJson, kScalar, EmitConstructor},
    {"JSON_KEYS", 1, 1, "list_sort(json_keys($1))", Result::kStrings, kScalar, nullptr, true, "",
     "the outermost keys only"},
    {"INT64", 1, 1,
     "CASE WHEN json_type($1) IN ('BIGINT', 'UBIGINT', 'DOUBLE') AND CAST($1 ->> '$' AS DOUBLE) = "
     "round(CAST($1 ->> '$' AS DOUBLE)) THEN CAST($1 ->> '$' AS BIGINT) WHEN $1 IS NOT NULL THEN "
     "$E(The provided JSON number cannot be converted to an int64) END",
     Result::kInt64},
    {"FLOAT64", 1, 1,
     "CASE WHEN json_type($1) IN ('BIGINT', 'UBIGINT', 'DOUBLE') THEN CAST($1 ->> '$' AS DOUBLE) "
     "WHEN $1 IS NOT NULL THEN $E(The provided JSON input is not a number) END",
     Result::kFloat64},
    {"BOOL", 1, 1,
     "CASE WHEN json_type($1) = 'BOOLEAN' THEN CAST($1 ->> '$' AS BOOLEAN) WHEN $1 IS NOT NULL "
     "THEN $E(The provided JSON input is not a boolean) END",
     Result::kBool},
    {"STRING", 1, 2, "", Result::kString, kScalar, EmitString},
    {"LAX_INT64", 1, 1, "", Result::kInt64, kScalar, EmitLax},
    {"LAX_FLOAT64", 1, 1, "", Result::kFloat64, kScalar, EmitLax},
    {"LAX_BOOL", 1, 1, "", Result::kBool, kScalar, EmitLax},
    {"LAX_STRING", 1, 1, "", Result::kString, kScalar, EmitLax},
};

}  // namespace

std::span<const Function> JsonFunctions() { return kFunctions; }

}  // namespace afluente::warehouse::googlesql
