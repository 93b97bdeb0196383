// Numbers, conditions and hashes.
#include "warehouse/googlesql/function_table.h"
#include "warehouse/googlesql/sql_error.h"
#include "warehouse/googlesql/text.h"

namespace afluente::warehouse::googlesql {
namespace {

// ROUND and TRUNC keep NUMERIC; integers become FLOAT64.
Emitted EmitRounding(CallContext& context) {
  const std::string name = context.call.text == "TRUNC" ? "trunc" : "round";
  const bool decimal = context.args[0].type.IsDecimal();
  const std::string digits = context.args.size() > 1 ? ", CAST($2 AS INTEGER))" : ")";
  if (decimal) {
    const SqlType type = context.args[0].type;
    return {context.Fill(Cat("CAST(", name, "($1", digits, " AS ", TemplateType(type), ")")), type};
  }
  return {context.Fill(Cat(name, "(CAST($1 AS DOUBLE)", digits)), TypeCode::kFloat64};
}

Emitted EmitCeilFloor(CallContext& context) {
  const std::string name = context.call.text == "FLOOR" ? "floor" : "ceil";
  const SqlType& type = context.args[0].type;
  if (type.IsDecimal()) {
    return {context.Fill(Cat("CAST(", name, "($1) AS ", TemplateType(type), ")")), type};
  }
  return {context.Fill(Cat(name, "(CAST($1 AS DOUBLE))")), TypeCode::kFloat64};
}

// NaN is greater than all in DuckDB.
Emitted EmitSign(CallContext& context) {
  const bool number = context.args[0].type.Is(TypeCode::kFloat64);
  return {context.Fill(Cat("CASE ", number ? "WHEN isnan($1) THEN $1 " : "",
                           "WHEN $1 > 0 THEN 1 WHEN $1 < 0 THEN -1 WHEN $1 = 0 THEN 0 END")),
          context.args[0].type};
}

// NULL when any argument is.
Emitted EmitExtreme(CallContext& context) {
  SqlType type;
  std::string list;
  for (const Emitted& arg : context.args) {
    type = CommonType(type, arg.type);
    Append(&list, list.empty() ? "[" : ", ", arg.sql);
  }
  const std::string_view name = context.call.text == "GREATEST" ? "list_max" : "list_min";
  return {Cat("list_transform([", list, "]], lambda l: CASE WHEN list_count(l) = len(l) THEN ",
              name, "(l) END)[1]"),
          type};
}

Emitted EmitIf(CallContext& context) {
  return {context.Fill("(CASE WHEN $1 THEN $2 ELSE $3 END)"),
          CommonType(context.args[1].type, context.args[2].type)};
}

Emitted EmitError(CallContext& context) {
  if (context.safe()) return {"NULL", SqlType()};
  return {context.Fill("error($1)"), SqlType()};
}

// What SAFE_DIVIDE does with zero is NULL.
Emitted EmitSafeDivide(CallContext& context) {
  const SqlType type = CommonType(context.args[0].type, context.args[1].type);
  if (type.IsDecimal()) {
    return {context.Fill(Cat("TRY_CAST($1 / nullif($2, 0) AS ", TemplateType(type), ")")), type};
  }
  return {context.Fill("($1 / nullif($2, 0))"), TypeCode::kFloat64};
}

Emitted EmitSafeArithmetic(CallContext& context) {
  const std::string& name = context.call.text;
  const char op = name == "SAFE_ADD" ? '+' : name == "SAFE_SUBTRACT" ? '-' : '*';
  CallClauses& clauses = *context.call.call;
  const bool safe = clauses.safe;
  clauses.safe = true;
  const SqlType type = CommonType(context.args[0].type, context.args[1].type);
  std::string text = Cat("($1 ", std::string(1, op), " $2)");
  if (type.IsDecimal()) text = Cat("CAST(", text, " AS ", TemplateType(type), ")");
  Emitted result{context.Fill(text), type};
  clauses.safe = safe;
  return result;
}

Emitted EmitMod(CallContext& context) {
  const SqlType type = CommonType(context.args[0].type, context.args[1].type);
  std::string text = "($1 % CASE WHEN $2 = 0 THEN $E(division by zero: MOD) ELSE $2 END)";
  if (type.IsDecimal()) text = Cat("CAST(", text, " AS ", TemplateType(type), ")");
  return {context.Fill(text), type};
}

// Hash functions take STRING or BYTES.
std::string AsBytes(const Emitted& value) {
  return value.type.Is(TypeCode::kBytes) ? value.sql : Cat("encode(", value.sql, ")");
}

Emitted EmitFingerprint(CallContext& context) {
  return {Cat("gsql_farm_fingerprint(", AsBytes(context.args[0]), ")"), TypeCode::kInt64};
}

Emitted EmitHash(CallContext& context) {
  const std::string& name = context.call.text;
  if (name == "SHA512")
    return {Cat("gsql_sha512(", AsBytes(context.args[0]), ")"), TypeCode::kBytes};
  return {Cat("unhex(", Lower(name), "(", AsBytes(context.args[0]), "))"), TypeCode::kBytes};
}

constexpr Function kFunctions[] = {
    {"ABS", 1, 1, "abs($1)", Result::kArgument},
    {"SIGN", 1, 1, "", Result::kArgument, FunctionKind::kScalar, EmitSign},
    {"CEIL", 1, 1, "", Result::kFloatOrNumeric, FunctionKind::kScalar, EmitCeilFloor},
    {"CEILING", 1, 1, "", Result::kFloatOrNumeric, FunctionKind::kScalar, EmitCeilFloor},
    {"FLOOR", 1, 1, "", Result::kFloatOrNumeric, FunctionKind::kScalar, EmitCeilFloor},
    {"ROUND", 1, 2, "", Result::kFloatOrNumeric, FunctionKind::kScalar, EmitRounding, true, "",
     "with digits, a FLOAT64 that is just below a half may round up"},
    {"TRUNC", 1, 2, "", Result::kFloatOrNumeric, FunctionKind::kScalar, EmitRounding},
    {"MOD", 2, 2, "", Result::kCommon, FunctionKind::kScalar, EmitMod},
    {"DIV", 2, 2, "($1 // CASE WHEN $2 = 0 THEN $E(division by zero: DIV) ELSE $2 END)",
     Result::kCommon},
    {"IEEE_DIVIDE", 2, 2, "(CAST($1 AS DOUBLE) / CAST($2 AS DOUBLE))", Result::kFloat64},
    {"SAFE_DIVIDE", 2, 2, "", Result::kFloatOrNumeric, FunctionKind::kScalar, EmitSafeDivide},
    {"SAFE_ADD", 2, 2, "", Result::kCommon, FunctionKind::kScalar, EmitSafeArithmetic},
    {"SAFE_SUBTRACT", 2, 2, "", Result::kCommon, FunctionKind::kScalar, EmitSafeArithmetic},
    {"SAFE_MULTIPLY", 2, 2, "", Result::kCommon, FunctionKind::kScalar, EmitSafeArithmetic},
    {"SAFE_NEGATE", 1, 1, "TRY(-$1)", Result::kArgument},
    {"POW", 2, 2, "pow(CAST($1 AS DOUBLE), CAST($2 AS DOUBLE))", Result::kFloat64},
    {"POWER", 2, 2, "pow(CAST($1 AS DOUBLE), CAST($2 AS DOUBLE))", Result::kFloat64},
    {"SQRT", 1, 1, "sqrt(CAST($1 AS DOUBLE))", Result::kFloat64},
    {"CBRT", 1, 1, "cbrt(CAST($1 AS DOUBLE))", Result::kFloat64},
    {"EXP", 1, 1, "exp(CAST($1 AS DOUBLE))", Result::kFloat64},
    {"LN", 1, 1, "ln(CAST($1 AS DOUBLE))", Result::kFloat64},
    {"LOG", 1, 1, "ln(CAST($1 AS DOUBLE))", Result::kFloat64},
    {"LOG", 2, 2, "(ln(CAST($1 AS DOUBLE)) / ln(CAST($2 AS DOUBLE)))", Result::kFloat64},
    {"LOG10", 1, 1, "log10(CAST($1 AS DOUBLE))", Result::kFloat64},
    {"SIN", 1, 1, "sin(CAST($1 AS DOUBLE))", Result::kFloat64},
    {"COS", 1, 1, "cos(CAST($1 AS DOUBLE))", Result::kFloat64},
    {"TAN", 1, 1, "tan(CAST($1 AS DOUBLE))", Result::kFloat64},
    {"ASIN", 1, 1, "asin(CAST($1 AS DOUBLE))", Result::kFloat64},
    {"ACOS", 1, 1, "acos(CAST($1 AS DOUBLE))", Result::kFloat64},
    {"ATAN", 1, 1, "atan(CAST($1 AS DOUBLE))", Result::kFloat64},
    {"ATAN2", 2, 2, "atan2(CAST($1 AS DOUBLE), CAST($2 AS DOUBLE))", Result::kFloat64},
    {"SINH", 1, 1, "sinh(CAST($1 AS DOUBLE))", Result::kFloat64},
    {"COSH", 1, 1, "cosh(CAST($1 AS DOUBLE))", Result::kFloat64},
    {"TANH", 1, 1, "tanh(CAST($1 AS DOUBLE))", Result::kFloat64},
    {"ASINH", 1, 1, "asinh(CAST($1 AS DOUBLE))", Result::kFloat64},
    {"ACOSH", 1, 1, "acosh(CAST($1 AS DOUBLE))", Result::kFloat64},
    {"ATANH", 1, 1, "atanh(CAST($1 AS DOUBLE))", Result::kFloat64},
    {"COT", 1, 1, "(1e0 / tan(CAST($1 AS DOUBLE)))", Result::kFloat64},
    {"COTH", 1, 1, "(1e0 / tanh(CAST($1 AS DOUBLE)))", Result::kFloat64},
    {"CSC", 1, 1, "(1e0 / sin(CAST($1 AS DOUBLE)))", Result::kFloat64},
    {"CSCH", 1, 1, "(1e0 / sinh(CAST($1 AS DOUBLE)))", Result::kFloat64},
    {"SEC", 1, 1, "(1e0 / cos(CAST($1 AS DOUBLE)))", Result::kFloat64},
    {"SECH", 1, 1, "(1e0 / cosh(CAST($1 AS DOUBLE)))", Result::kFloat64},
    {"PARSE_NUMERIC", 1, 1, "CAST(regexp_replace($1, '[\\s,]', '', 'g') AS DECIMAL(38,9))",
     Result::kNumeric, FunctionKind::kScalar, nullptr, true, "", "a sign stands before the digits"},
    {"PARSE_BIGNUMERIC", 1, 1, "CAST(regexp_replace($1, '[\\s,]', '', 'g') AS DECIMAL(38,18))",
     Result::kBigNumeric, FunctionKind::kScalar, nullptr, true, "",
     "20 digits before and 18 after the point"},
    {"IS_INF", 1, 1, "isinf(CAST($1 AS DOUBLE))", Result::kBool},
    {"IS_NAN", 1, 1, "isnan(CAST($1 AS DOUBLE))", Result::kBool},
    {"BIT_COUNT", 1, 1, "CAST(bit_count($1) AS BIGINT)", Result::kInt64},
    {"GREATEST", 1, -1, "", Result::kCommon, FunctionKind::kScalar, EmitExtreme},
    {"LEAST", 1, -1, "", Result::kCommon, FunctionKind::kScalar, EmitExtreme},
    {"RANGE_BUCKET", 2, 2,
     "CASE WHEN $1 IS NULL OR $2 IS NULL THEN NULL ELSE "
     "len(list_filter($2, lambda bound: bound <= $1)) END",
     Result::kInt64},
    {"RAND", 0, 0, "random()", Result::kFloat64, FunctionKind::kScalar, nullptr, false},
    {"GENERATE_UUID", 0, 0, "CAST(uuid() AS VARCHAR)", Result::kString, FunctionKind::kScalar,
     nullptr, false},
    {"IF", 3, 3, "", Result::kCommon, FunctionKind::kScalar, EmitIf},
    {"IFNULL", 2, 2, "coalesce($1, $2)", Result::kCommon},
    {"NULLIF", 2, 2, "nullif($1, $2)", Result::kArgument},
    {"COALESCE", 1, -1, "coalesce($*)", Result::kCommon},
    {"ERROR", 1, 1, "", Result::kUnknown, FunctionKind::kScalar, EmitError},
    {"FARM_FINGERPRINT", 1, 1, "", Result::kInt64, FunctionKind::kScalar, EmitFingerprint},
    {"MD5", 1, 1, "", Result::kBytes, FunctionKind::kScalar, EmitHash},
    {"SHA1", 1, 1, "", Result::kBytes, FunctionKind::kScalar, EmitHash},
    {"SHA256", 1, 1, "", Result::kBytes, FunctionKind::kScalar, EmitHash},
    {"SHA512", 1, 1, "", Result::kBytes, FunctionKind::kScalar, EmitHash},
};

}  // namespace

std::span<const Function> MathFunctions() { return kFunctions; }

}  // namespace afluente::warehouse::googlesql
