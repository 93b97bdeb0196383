// Operators, CASE, CAST and EXTRACT.
#include <algorithm>

#include "warehouse/googlesql/date_part.h"
#include "warehouse/googlesql/emitter.h"
#include "warehouse/googlesql/sql_error.h"
#include "warehouse/googlesql/sql_template.h"
#include "warehouse/googlesql/text.h"
#include "warehouse/googlesql/time_zone.h"

namespace afluente::warehouse::googlesql {
namespace {

bool IsTemporal(const SqlType& type) {
  return type.code >= TypeCode::kDate && type.code <= TypeCode::kTimestamp;
}

// Whether `literal`, written without a type, can become `other`.
bool Coerces(const Emitted& literal, const SqlType& other) {
  if (!literal.literal) return false;
  return literal.type.Is(TypeCode::kString) && (IsTemporal(other) || other.Is(TypeCode::kBytes));
}

// A text literal or parameter beside a date becomes one.
void Coerce(Emitted* value, const SqlType& other) {
  if (!Coerces(*value, other) || !IsTemporal(other)) return;
  value->sql = Cat("CAST(", value->sql, " AS ", DuckdbName(other), ")");
  value->type = other;
}

// A number with a point beside a NUMERIC is one too.
void NumericLiteral(const Expression& node, const SqlType& other, Emitted* value) {
  if (node.kind != ExpressionKind::kFloat || !other.IsDecimal()) return;
  if (node.text.find_first_of("eE") != std::string::npos) return;
  value->type = other;
  value->sql = Cat("CAST('", node.text, "' AS ", DuckdbName(other), ")");
}

// 'text' + 1: the text is a date, or an error in BigQuery's words.
void DateLiteral(const Expression& node, const SqlType& other, Emitted* value) {
  if (node.kind != ExpressionKind::kString || !other.Is(TypeCode::kInt64)) return;
  const bool date = node.text.size() == 10 && node.text[4] == '-' && node.text[7] == '-';
  if (!date) Fail(node.at, Cat("Could not cast literal \"", node.text, "\" to type DATE"));
  value->type = TypeCode::kDate;
  value->sql = Cat("CAST(", value->sql, " AS DATE)");
}

bool IsNonZeroLiteral(const Expression& expression) {
  return (expression.kind == ExpressionKind::kInteger ||
          expression.kind == ExpressionKind::kFloat) &&
         expression.text.find_first_of("123456789") != std::string::npos &&
         expression.text.find_first_of("xXeE") == std::string::npos;
}

}  // namespace

Emitted Emitter::EmitUnary(const Expression& expression, const Scope& scope) {
  const Expression& operand = *expression.args[0];
  if (expression.text == "-" && operand.kind == ExpressionKind::kInteger &&
      operand.text == "9223372036854775808") {
    return {"CAST('-9223372036854775808' AS BIGINT)", TypeCode::kInt64, true};
  }
  Emitted value = Emit(operand, scope);
  if (expression.text == "NOT") return {Cat("(NOT ", value.sql, ")"), TypeCode::kBool};
  if (expression.text == "+") return value;
  if (expression.text == "-" && value.type.known() && !value.type.IsNumber() &&
      !value.type.Is(TypeCode::kInterval)) {
    Fail(expression.at,
         Cat("No matching signature for operator - for argument types: ", GoogleName(value.type)));
  }
  return {Cat("(", expression.text, value.sql, ")"), value.type, value.literal};
}

Emitted Emitter::EmitBinary(const Expression& expression, const Scope& scope) {
  const std::string& op = expression.text;
  if (op == "AND" || op == "OR" || op == "||") {
    std::string sql;
    SqlType type = TypeCode::kBool;
    for (size_t i = 0; i < expression.args.size(); ++i) {
      const Emitted value = Emit(*expression.args[i], scope);
      Append(&sql, i == 0 ? "(" : Cat(" ", op, " "), value.sql);
      if (op == "||") type = i == 0 ? value.type : CommonType(type, value.type);
    }
    return {sql + ")", type};
  }
  Emitted left = Emit(*expression.args[0], scope);
  Emitted right = Emit(*expression.args[1], scope);
  NumericLiteral(*expression.args[0], right.type, &left);
  NumericLiteral(*expression.args[1], left.type, &right);
  if (op == "^") return {Cat("xor(", left.sql, ", ", right.sql, ")"), left.type};
  if (op == "<<" || op == ">>" || op == "&" || op == "|") {
    return {Cat("(", left.sql, " ", op, " ", right.sql, ")"), left.type};
  }
  if (op != "/") return EmitArithmetic(expression, left, std::move(right));
  if (left.type.Is(TypeCode::kInterval)) {
    return {Cat("(", left.sql, " / ", right.sql, ")"), TypeCode::kInterval};
  }
  const SqlType common = CommonType(left.type, right.type);
  const bool decimal = common.IsDecimal();
  std::string divided =
      IsNonZeroLiteral(*expression.args[1])
          ? Cat("(", left.sql, " / ", right.sql, ")")
          : Expand(
                "($1 / CASE WHEN $2 = 0 THEN error('division by zero: ' || gsql_number_text($1) || "
                "' / ' || gsql_number_text($2)) ELSE $2 END)",
                {left.sql, right.sql}, false);
  if (!decimal) return {divided, TypeCode::kFloat64};
  return {Cat("CAST(", divided, " AS ", DuckdbName(common), ")"), common};
}

Emitted Emitter::EmitArithmetic(const Expression& expression, Emitted left, Emitted right) {
  const std::string& op = expression.text;
  if (op != "*") {
    DateLiteral(*expression.args[0], right.type, &left);
    if (op == "+") DateLiteral(*expression.args[1], left.type, &right);
  }
  SqlType type = CommonType(left.type, right.type);
  const bool left_time = IsTemporal(left.type);
  const bool right_time = IsTemporal(right.type);
  if (op == "+" && right_time && !left_time) return EmitArithmetic(expression, right, left);
  if (left_time && right_time && op == "-") {
    // Of dates in days, of moments in hours and less.
    const bool days = left.type.Is(TypeCode::kDate) && right.type.Is(TypeCode::kDate);
    return {days ? Cat("to_days(CAST(", left.sql, " - ", right.sql, " AS INTEGER))")
                 : Cat("to_microseconds(epoch_us(", left.sql, ") - epoch_us(", right.sql, "))"),
            TypeCode::kInterval};
  }
  const bool left_interval = left.type.Is(TypeCode::kInterval);
  if (left_interval && right.type.Is(TypeCode::kInt64) && op == "*") {
    return {Cat("(", left.sql, " * ", right.sql, ")"), TypeCode::kInterval};
  }
  if (op == "*" && right.type.Is(TypeCode::kInterval)) {
    return EmitArithmetic(expression, right, left);
  }
  if (left.type.Is(TypeCode::kDate) && right.type.Is(TypeCode::kInt64) && op != "*") {
    return {Cat("(", left.sql, " ", op, " CAST(", right.sql, " AS INTEGER))"), TypeCode::kDate};
  }
  if (left_time && right.type.Is(TypeCode::kInterval) && op != "*") {
    const bool date = left.type.Is(TypeCode::kDate);
    return {Cat("(", left.sql, " ", op, " ", right.sql, ")"),
            date ? SqlType(TypeCode::kDatetime) : left.type};
  }
  for (const Emitted* side : {&left, &right}) {
    const SqlType& t = side->type;
    if (t.known() && !t.IsNumber() && !t.Is(TypeCode::kInterval)) {
      Fail(expression.at, Cat("No matching signature for operator ", op, " for argument types: ",
                              GoogleName(left.type), ", ", GoogleName(right.type)));
    }
  }
  std::string sql = Cat("(", left.sql, " ", op, " ", right.sql, ")");
  if (type.IsDecimal() && op == "*") {
    sql = Cat("CAST(", sql, " AS ", DuckdbName(type), ")");
  }
  return {std::move(sql), std::move(type)};
}

void Emitter::CheckComparable(const Emitted& a, const Emitted& b, std::string_view what,
                              size_t at) {
  if (!a.type.known() || !b.type.known() || a.type.code == b.type.code) return;
  if (a.type.IsNumber() && b.type.IsNumber()) return;
  if (Coerces(a, b.type) || Coerces(b, a.type)) return;
  const bool ordered = a.type.code < b.type.code;
  Fail(at, Cat("No matching signature for operator ", what, " for argument types: ",
               GoogleName(a.type), ", ", GoogleName(b.type), "\n  Signature: T1 ", what,
               " T1\n    Unable to find common supertype for templated argument <T1>\n"
               "      Input types for <T1>: {",
               GoogleName(ordered ? a.type : b.type), ", ", GoogleName(ordered ? b.type : a.type),
               "}"));
}

Emitted Emitter::EmitCompare(const Expression& expression, const Scope& scope) {
  Emitted left = Emit(*expression.args[0], scope);
  Emitted right = Conform(Emit(*expression.args[1], scope), left.type);
  CheckComparable(left, right, expression.text, expression.at);
  Coerce(&left, right.type);
  Coerce(&right, left.type);
  return {Cat("(", left.sql, " ", expression.text, " ", right.sql, ")"), TypeCode::kBool};
}

Emitted Emitter::EmitIn(const Expression& expression, const Scope& scope) {
  const Emitted value = Emit(*expression.args[0], scope);
  const std::string_view in = expression.negated ? " NOT IN (" : " IN (";
  if (expression.query != nullptr) {
    const QueryOutput output = EmitQuery(*expression.query, &scope);
    if (output.columns.size() != 1) {
      Fail(expression.at, "Subquery of type IN must have only one output column");
    }
    CheckComparable(value, {"", output.columns[0].type}, "IN", expression.at);
    return {Cat("(", value.sql, in, output.sql, "))"), TypeCode::kBool};
  }
  if (expression.text == "UNNEST") {
    const Emitted array = Emit(*expression.args[1], scope);
    // A NULL array holds nothing; a NULL among the elements makes a miss NULL.
    std::string sql = Expand(
        "CASE WHEN $2 IS NULL OR len($2) = 0 THEN FALSE WHEN $1 IS NULL THEN NULL "
        "WHEN list_contains($2, $1) THEN TRUE WHEN list_count($2) < len($2) THEN NULL "
        "ELSE FALSE END",
        {value.sql, array.sql}, false);
    return {Cat(expression.negated ? "(NOT " : "(", sql, ")"), TypeCode::kBool};
  }
  std::string list;
  for (size_t i = 1; i < expression.args.size(); ++i) {
    Emitted candidate = Conform(Emit(*expression.args[i], scope), value.type);
    CheckComparable(value, candidate, "IN", expression.args[i]->at);
    Coerce(&candidate, value.type);
    Append(&list, i == 1 ? "" : ", ", candidate.sql);
  }
  return {Cat("(", value.sql, in, list, "))"), TypeCode::kBool};
}

Emitted Emitter::EmitPredicate(const Expression& expression, const Scope& scope) {
  const Emitted value = Emit(*expression.args[0], scope);
  const std::string_view negation = expression.negated ? " NOT" : "";
  if (expression.kind == ExpressionKind::kIs) {
    return {Cat("(", value.sql, " IS", negation, " ", expression.text, ")"), TypeCode::kBool};
  }
  Emitted second = Emit(*expression.args[1], scope);
  if (expression.kind == ExpressionKind::kDistinct) {
    CheckComparable(value, second, "IS DISTINCT FROM", expression.at);
    return {Cat("(", value.sql, " IS", negation, " DISTINCT FROM ", second.sql, ")"),
            TypeCode::kBool};
  }
  if (expression.kind == ExpressionKind::kLike) {
    CheckComparable(value, second, "LIKE", expression.at);
    return {Cat("(", value.sql, negation, " LIKE ", second.sql, " ESCAPE '\\')"), TypeCode::kBool};
  }
  Emitted third = Emit(*expression.args[2], scope);
  CheckComparable(value, second, "BETWEEN", expression.at);
  CheckComparable(value, third, "BETWEEN", expression.at);
  Coerce(&second, value.type);
  Coerce(&third, value.type);
  return {Cat("(", value.sql, negation, " BETWEEN ", second.sql, " AND ", third.sql, ")"),
          TypeCode::kBool};
}

Emitted Emitter::EmitCase(const Expression& expression, const Scope& scope) {
  const bool simple = expression.text == "SIMPLE";
  std::string sql = "CASE";
  size_t i = 0;
  Emitted subject;
  if (simple) {
    subject = Emit(*expression.args[i++], scope);
    Append(&sql, " ", subject.sql);
  }
  SqlType type;
  for (; i + 1 < expression.args.size(); i += 2) {
    const Emitted when = Emit(*expression.args[i], scope);
    if (simple) CheckComparable(subject, when, "=", expression.args[i]->at);
    const Emitted then = Emit(*expression.args[i + 1], scope);
    Append(&sql, " WHEN ", when.sql, " THEN ", then.sql);
    type = CommonType(type, then.type);
  }
  if (i < expression.args.size()) {
    const Emitted otherwise = Emit(*expression.args[i], scope);
    Append(&sql, " ELSE ", otherwise.sql);
    type = CommonType(type, otherwise.type);
  }
  return {Cat("(", sql, " END)"), std::move(type)};
}

Emitted Emitter::EmitExtract(const Expression& expression, const Scope& scope) {
  Emitted value = Emit(*expression.args[0], scope);
  if (expression.args.size() > 1) {
    value.sql = ToLocal(value.sql, Emit(*expression.args[1], scope).sql);
    value.type = TypeCode::kDatetime;
  }
  const std::string& part = expression.text;
  if (part == "DATE") return {Cat("CAST(", value.sql, " AS DATE)"), TypeCode::kDate};
  if (part == "TIME") {
    return EmitCast(std::move(value), TypeCode::kTime, false, expression.at);
  }
  if (part == "DATETIME") return {Cat("CAST(", value.sql, " AS TIMESTAMP)"), TypeCode::kDatetime};
  const std::string text = ExtractTemplate(part, value.type);
  if (text.empty()) Fail(expression.at, Cat("A valid date part name is required but found ", part));
  return {Cat("CAST(", Expand(text, {value.sql}, false), " AS BIGINT)"), TypeCode::kInt64};
}

}  // namespace afluente::warehouse::googlesql
