// Arrays.
#include "warehouse/googlesql/function_table.h"
#include "warehouse/googlesql/sql_error.h"
#include "warehouse/googlesql/text.h"

namespace afluente::warehouse::googlesql {
namespace {

Emitted EmitGenerateArray(CallContext& context) {
  SqlType type;
  for (const Emitted& arg : context.args) type = CommonType(type, arg.type);
  const bool step = context.args.size() > 2;
  if (type.Is(TypeCode::kInt64) || !type.known()) {
    return {context.Fill(step ? "gsql_generate_array($1, $2, $3, $E(Sequence step cannot be 0.))"
                              : "generate_series($1, $2)"),
            SqlType::Array(TypeCode::kInt64)};
  }
  const std::string name = DuckdbName(type);
  const std::string by = step ? "$3" : "1";
  return {context.Fill(Cat("list_transform(generate_series(0, CAST(floor(($2 - $1) / ", by,
                           ") AS BIGINT)), lambda i: CAST($1 + i * ", by, " AS ", name, "))")),
          SqlType::Array(type)};
}

Emitted EmitToString(CallContext& context) {
  const bool nulls = context.args.size() > 2;
  return {context.Fill(nulls ? "array_to_string(list_transform($1, lambda e: coalesce(e, $3)), $2)"
                             : "array_to_string($1, $2)"),
          TypeCode::kString};
}

constexpr FunctionKind kScalar = FunctionKind::kScalar;

constexpr Function kFunctions[] = {
    {"ARRAY_LENGTH", 1, 1, "len($1)", Result::kInt64},
    {"ARRAY_CONCAT", 1, -1, "list_concat($*)", Result::kArgument},
    {"ARRAY_TO_STRING", 2, 3, "", Result::kString, kScalar, EmitToString},
    {"ARRAY_REVERSE", 1, 1, "list_reverse($1)", Result::kArgument},
    {"ARRAY_FIRST", 1, 1,
     "CASE WHEN len($1) = 0 THEN $E(ARRAY_FIRST cannot get the first element of an empty array) "
     "ELSE $1[1] END",
     Result::kElement},
    {"ARRAY_LAST", 1, 1,
     "CASE WHEN len($1) = 0 THEN $E(ARRAY_LAST cannot get the last element of an empty array) "
     "ELSE $1[len($1)] END",
     Result::kElement},
    {"ARRAY_IS_DISTINCT", 1, 1,
     "CASE WHEN $1 IS NOT NULL THEN len(list_distinct($1)) + "
     "CASE WHEN list_count($1) < len($1) THEN 1 ELSE 0 END = len($1) END",
     Result::kBool},
    {"ARRAY_SLICE", 3, 3, "gsql_array_slice($1, $2, $3)", Result::kArgument},
    {"GENERATE_ARRAY", 2, 3, "", Result::kArrayOfArgument, kScalar, EmitGenerateArray},
};

}  // namespace

std::span<const Function> ArrayFunctions() { return kFunctions; }

}  // namespace afluente::warehouse::googlesql
