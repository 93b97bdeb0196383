// Expressions: literals, names, fields, subscripts, subqueries.
#include <algorithm>

#include "absl/strings/numbers.h"
#include "warehouse/googlesql/emitter.h"
#include "warehouse/googlesql/json_path.h"
#include "warehouse/googlesql/limits.h"
#include "warehouse/googlesql/sql_error.h"
#include "warehouse/googlesql/sql_template.h"
#include "warehouse/googlesql/text.h"

namespace afluente::warehouse::googlesql {

Emitted Emitter::Emit(const Expression& expression, const Scope& scope) {
  switch (expression.kind) {
    case ExpressionKind::kNull:
    case ExpressionKind::kBool:
    case ExpressionKind::kInteger:
    case ExpressionKind::kFloat:
    case ExpressionKind::kString:
    case ExpressionKind::kBytes:
      return EmitLiteral(expression);
    case ExpressionKind::kTyped:
      return EmitTypedLiteral(expression);
    case ExpressionKind::kInterval:
      return EmitInterval(expression, scope);
    case ExpressionKind::kParameter:
      return EmitParameter(expression);
    case ExpressionKind::kName:
      return EmitName(expression, scope);
    case ExpressionKind::kField:
      return EmitField(expression, scope);
    case ExpressionKind::kSubscript:
      return EmitSubscript(expression, scope);
    case ExpressionKind::kUnary:
      return EmitUnary(expression, scope);
    case ExpressionKind::kBinary:
      return EmitBinary(expression, scope);
    case ExpressionKind::kCompare:
      return EmitCompare(expression, scope);
    case ExpressionKind::kIn:
      return EmitIn(expression, scope);
    case ExpressionKind::kLike:
    case ExpressionKind::kBetween:
    case ExpressionKind::kIs:
    case ExpressionKind::kDistinct:
      return EmitPredicate(expression, scope);
    case ExpressionKind::kCase:
      return EmitCase(expression, scope);
    case ExpressionKind::kCast:
      return EmitCast(Emit(*expression.args[0], scope), expression.type, expression.text == "SAFE",
                      expression.at);
    case ExpressionKind::kExtract:
      return EmitExtract(expression, scope);
    case ExpressionKind::kArray:
      return EmitArray(expression, scope);
    case ExpressionKind::kStruct:
      return EmitStruct(expression, scope);
    case ExpressionKind::kQuery:
    case ExpressionKind::kArrayQuery:
    case ExpressionKind::kExists:
      return EmitSubquery(expression, scope);
    case ExpressionKind::kCall:
      return EmitCall(expression, scope);
    case ExpressionKind::kDatePart:
      Fail(expression.at, Cat("A date part cannot stand here: ", expression.text));
    case ExpressionKind::kDefault:
      Fail(expression.at, "DEFAULT can only stand for a whole value in INSERT or UPDATE");
  }
  FailSyntax(expression.at, "Unexpected expression");
}

Emitted Emitter::EmitLiteral(const Expression& expression) {
  const std::string& text = expression.text;
  switch (expression.kind) {
    case ExpressionKind::kBool:
      return {text, TypeCode::kBool, true};
    case ExpressionKind::kInteger: {
      int64_t value = 0;
      const bool hex = text.size() > 1 && (text[1] == 'x' || text[1] == 'X');
      const bool ok = hex ? absl::SimpleHexAtoi(text, &value) : absl::SimpleAtoi(text, &value);
      if (!ok) Fail(expression.at, Cat("Invalid integer literal: ", text));
      return {Cat("CAST(", value, " AS BIGINT)"), TypeCode::kInt64, true};
    }
    case ExpressionKind::kFloat: {
      // With an exponent DuckDB reads a DOUBLE, without it a DECIMAL.
      std::string number = text;
      if (number[0] == '.') number = "0" + number;
      if (number.back() == '.') number += "0";
      if (number.find_first_of("eE") == std::string::npos) number += "e0";
      return {number, TypeCode::kFloat64, true};
    }
    case ExpressionKind::kString:
      return {QuoteText(text), TypeCode::kString, true};
    case ExpressionKind::kBytes: {
      static constexpr char kHex[] = "0123456789ABCDEF";
      std::string blob;
      for (unsigned char c : text)
        Append(&blob, "\\x", Cat(std::string{kHex[c >> 4], kHex[c & 15]}));
      return {Cat("CAST('", blob, "' AS BLOB)"), TypeCode::kBytes, true};
    }
    default:
      return {"NULL", SqlType(), true};
  }
}

Emitted Emitter::EmitTypedLiteral(const Expression& expression) {
  const SqlType& type = expression.type;
  if (type.Is(TypeCode::kRange)) return EmitRangeLiteral(expression);
  if (type.Is(TypeCode::kBigNumeric)) {
    const std::string text = QuoteText(expression.text);
    return {Cat("CAST(", text, " AS ", DuckdbName(type), ")"), type, true,
            Cat("afluente_bignumeric(", text, ")")};
  }
  return {Cat("CAST(", QuoteText(expression.text), " AS ", DuckdbName(type), ")"), type, true};
}

Emitted Emitter::EmitParameter(const Expression& expression) {
  if (transform_ != nullptr) Fail(expression.at, "A function's SQL takes no parameters");
  const std::string& name = expression.text;
  SqlType type;
  if (name[0] == '?') {
    size_t place = 0;
    const bool known =
        absl::SimpleAtoi(name.substr(1), &place) && place <= options_.parameter_types.size();
    if (known) type = FromSchema(options_.parameter_types[place - 1].type);
  } else {
    for (const schema::Field& field : options_.parameter_types) {
      if (SameName(field.name, name)) type = FromSchema(field.type);
    }
  }
  return BoundParameter(name, type, expression.at);
}

Emitted Emitter::BoundParameter(const std::string& name, const SqlType& type, size_t at) {
  std::vector<std::string>& names = translation_->parameters;
  auto it = std::find_if(names.begin(), names.end(),
                         [&](const std::string& other) { return SameName(other, name); });
  const size_t index = static_cast<size_t>(it - names.begin()) + 1;
  if (it == names.end()) {
    if (names.size() >= kParametersMax) {
      Fail(at, Cat("Query is too complex: it has more than ", kParametersMax, " parameters"));
    }
    names.push_back(name);
    translation_->parameter_offsets.push_back(at);
  }
  Emitted result{Cat("$", index), type, true};
  const std::string word = DuckdbName(type);
  if (!word.empty()) result.sql = Cat("CAST(", result.sql, " AS ", word, ")");
  return result;
}

bool Emitter::FindName(std::string_view name, size_t at, const Scope& scope, Emitted* found) {
  const ScopeColumn* column = nullptr;
  if (scope.use_aliases) {
    if (const SelectAlias* alias = scope.FindAlias(name)) {
      *found = alias->value;
      found->literal = false;
      return true;
    }
  }
  for (const ScopeColumn& candidate : scope.columns) {
    if (!SameName(candidate.name, name)) continue;
    if (column != nullptr) Fail(at, Cat("Column name ", name, " is ambiguous"));
    column = &candidate;
  }
  if (column != nullptr) {
    *found = {column->sql, column->type, false, column->stored};
    return true;
  }
  if (const RangeVariable* range = scope.FindRange(name)) {
    *found = range->value.sql.empty() ? PackColumns(range->columns, "") : range->value;
    return true;
  }
  return false;
}

Emitted Emitter::EmitName(const Expression& expression, const Scope& scope) {
  Emitted found;
  for (const Scope* s = &scope; s != nullptr; s = s->outer) {
    if (FindName(expression.text, expression.at, *s, &found)) return found;
  }
  if (FindVariable(expression.text, expression.at, &found)) return found;
  Fail(expression.at, Cat("Unrecognized name: ", expression.text));
}

// A script's variable, which columns hide.
bool Emitter::FindVariable(const std::string& name, size_t at, Emitted* found) {
  for (const schema::Field& variable : options_.variables) {
    if (!SameName(variable.name, name)) continue;
    *found = BoundParameter(Cat(":", variable.name), FromSchema(variable.type), at);
    return true;
  }
  return false;
}

// The name as a range variable's, before it is tried as a column's.
std::optional<Emitted> Emitter::EmitQualified(const Expression& expression, const Scope& scope) {
  const RangeVariable* range = scope.FindRange(expression.text);
  if (range == nullptr) return std::nullopt;
  return range->value.sql.empty() ? PackColumns(range->columns, "") : range->value;
}

Emitted Emitter::EmitField(const Expression& expression, const Scope& scope) {
  const Expression& base = *expression.args[0];
  if (base.kind != ExpressionKind::kName) {
    return FieldOf(Emit(base, scope), expression.text, expression.at);
  }
  for (const Scope* s = &scope; s != nullptr; s = s->outer) {
    const RangeVariable* range = s->FindRange(base.text);
    if (range != nullptr) {
      for (const ScopeColumn& column : range->columns) {
        if (SameName(column.name, expression.text)) {
          return {column.sql, column.type, false, column.stored};
        }
      }
    }
    Emitted found;
    if (!FindName(base.text, base.at, *s, &found)) continue;
    if (range != nullptr && range->value.sql.empty() &&
        std::none_of(s->columns.begin(), s->columns.end(),
                     [&](const ScopeColumn& c) { return SameName(c.name, base.text); })) {
      Fail(expression.at, Cat("Name ", expression.text, " not found inside ", base.text));
    }
    return FieldOf(std::move(found), expression.text, expression.at);
  }
  if (Emitted found; FindVariable(base.text, base.at, &found)) {
    return FieldOf(std::move(found), expression.text, expression.at);
  }
  Fail(base.at, Cat("Unrecognized name: ", base.text));
}

Emitted Emitter::FieldOf(Emitted base, const std::string& name, size_t at) {
  if (base.type.Is(TypeCode::kJson)) {
    return {Cat("json_extract(", base.sql, ", ", QuoteText(Cat("$", JsonPathStep(name))), ")"),
            TypeCode::kJson};
  }
  if (!base.type.known()) {
    return {Cat("struct_extract(", base.sql, ", ", QuoteText(name), ")"), SqlType()};
  }
  if (!base.type.Is(TypeCode::kStruct)) {
    Fail(at, Cat("Cannot access field ", name, " on a value with type ", GoogleName(base.type)));
  }
  for (size_t i = 0; i < base.type.fields.size(); ++i) {
    const SqlField& field = base.type.fields[i];
    if (!SameName(field.name, name)) continue;
    return {Cat("struct_extract(", base.sql, ", ", QuoteText(field.name), ")"), field.type};
  }
  Fail(at, Cat("Field name ", name, " does not exist in ", GoogleName(base.type)));
}

Emitted Emitter::EmitSubscript(const Expression& expression, const Scope& scope) {
  const Emitted base = Emit(*expression.args[0], scope);
  const Expression& index_node = *expression.args[1];
  const Emitted index = Emit(index_node, scope);
  const std::string& kind = expression.text;
  if (base.type.Is(TypeCode::kJson) && kind.empty()) {
    if (index_node.kind == ExpressionKind::kString)
      return FieldOf(base, index_node.text, expression.at);
    const bool text = index.type.Is(TypeCode::kString);
    return {text ? Cat("json_extract(", base.sql, ", '$.\"' || ", index.sql, " || '\"')")
                 : Cat("json_extract(", base.sql, ", '$[' || ", index.sql, " || ']')"),
            TypeCode::kJson};
  }
  if (base.type.known() && !base.type.Is(TypeCode::kArray)) {
    Fail(expression.at,
         Cat("Element access using [] is not supported on values of type ", GoogleName(base.type)));
  }
  const SqlType type = base.type.element();
  const bool safe = kind.starts_with("SAFE_");
  const std::string one_based =
      kind.ends_with("ORDINAL") ? index.sql : Cat("(", index.sql, " + 1)");
  // A position that is at least 1 cannot count from the end, as DuckDB's negative ones do.
  if (safe && index_node.kind == ExpressionKind::kInteger && index_node.text != "0") {
    return {Cat("list_extract(", base.sql, ", ", one_based, ")"), type};
  }
  return {Cat(safe ? "gsql_element_or_null(" : "gsql_element(", base.sql, ", ", one_based, ")"),
          type};
}

Emitted Emitter::EmitArray(const Expression& expression, const Scope& scope) {
  SqlType element = expression.type.element();
  const bool typed = element.known();
  std::string sql;
  for (const ExpressionPtr& arg : expression.args) {
    const Emitted value = Conform(Emit(*arg, scope), element);
    if (value.type.Is(TypeCode::kArray)) {
      Fail(arg->at,
           "Cannot construct array with element type ARRAY because nested arrays are not "
           "supported");
    }
    Append(&sql, sql.empty() ? "[" : ", ", value.sql);
    if (!typed) element = CommonType(element, value.type);
  }
  sql = sql.empty() ? "[]" : sql + "]";
  // An empty array is one of INT64 unless its type is written.
  if (!element.known() && expression.args.empty()) element = TypeCode::kInt64;
  SqlType type = SqlType::Array(std::move(element));
  const std::string name = DuckdbName(type);
  const bool cast = (typed || expression.args.empty()) && !name.empty();
  return {cast ? Cat("CAST(", sql, " AS ", name, ")") : sql, std::move(type)};
}

Emitted Emitter::EmitStruct(const Expression& expression, const Scope& scope) {
  const bool typed = expression.type.Is(TypeCode::kStruct);
  if (typed && expression.type.fields.size() != expression.args.size()) {
    Fail(expression.at,
         Cat("STRUCT type has ", expression.type.fields.size(), " fields but constructor call has ",
             expression.args.size(), " fields"));
  }
  if (expression.args.empty()) FailUnsupported(expression.at, "A STRUCT without fields");
  std::string sql = "struct_pack(";
  std::vector<SqlField> fields;
  for (size_t i = 0; i < expression.args.size(); ++i) {
    const Expression& arg = *expression.args[i];
    Emitted value = Emit(arg, scope);
    SqlField field{expression.names[i], value.type};
    const bool path = arg.kind == ExpressionKind::kName || arg.kind == ExpressionKind::kField;
    if (field.name.empty() && path && expression.text.empty()) field.name = arg.text;
    if (typed) {
      field = expression.type.fields[i];
      value = EmitCast(std::move(value), field.type, false, arg.at);
    }
    if (field.name.empty()) field.name = Cat("_field_", i + 1);
    for (const SqlField& other : fields) {
      if (SameName(other.name, field.name))
        FailUnsupported(arg.at, "A STRUCT with two fields of one name");
    }
    Append(&sql, i == 0 ? "" : ", ", QuoteName(field.name), " := ", value.sql);
    fields.push_back(std::move(field));
  }
  return {sql + ")", SqlType::Struct(std::move(fields))};
}

// GoogleSQL matches STRUCT fields by place, DuckDB by name: the value with the target's names.
Emitted Emitter::Conform(Emitted value, const SqlType& target) {
  if (value.type.Is(TypeCode::kArray) && target.Is(TypeCode::kArray)) {
    const Emitted element = Conform({"e", value.type.element()}, target.element());
    if (element.sql == "e") return value;
    return {Cat("list_transform(", value.sql, ", lambda e: ", element.sql, ")"),
            SqlType::Array(element.type)};
  }
  const bool structs = value.type.Is(TypeCode::kStruct) && target.Is(TypeCode::kStruct) &&
                       value.type.fields.size() == target.fields.size();
  if (!structs) return value;
  bool same = true;
  std::string text = "struct_pack(";
  SqlType type = target;
  for (size_t i = 0; i < target.fields.size(); ++i) {
    const SqlField& from = value.type.fields[i];
    const std::string name =
        target.fields[i].name.empty() ? Cat("_field_", i + 1) : target.fields[i].name;
    const Emitted field =
        Conform({Cat("struct_extract($1, ", EscapeTemplate(QuoteText(from.name)), ")"), from.type},
                target.fields[i].type);
    same = same && SameName(from.name, name) && field.sql.starts_with("struct_extract($1");
    Append(&text, i == 0 ? "" : ", ", EscapeTemplate(QuoteName(name)), " := ", field.sql);
    type.fields[i] = {name, CommonType(target.fields[i].type, field.type)};
  }
  if (same) return value;
  return {Expand(text + ")", {value.sql}, false), std::move(type)};
}

Emitted Emitter::EmitSubquery(const Expression& expression, const Scope& scope) {
  const bool array = expression.kind == ExpressionKind::kArrayQuery;
  const QueryOutput output = EmitQuery(*expression.query, &scope, array);
  if (expression.kind == ExpressionKind::kExists) {
    return {Cat("EXISTS (", output.sql, ")"), TypeCode::kBool};
  }
  if (output.as != SelectAs::kStruct && output.columns.size() != 1) {
    Fail(expression.at, array ? "ARRAY subquery cannot have more than one column unless using "
                                "SELECT AS STRUCT to build STRUCT values"
                              : "Scalar subquery cannot have more than one column unless using "
                                "SELECT AS STRUCT to build STRUCT values");
  }
  const std::string id = UniqueName("t");
  Emitted value{Cat(id, ".", output.columns[0].sql), output.columns[0].type};
  if (output.as == SelectAs::kStruct) value = PackColumns(output.columns, id);
  if (!array) {
    if (output.as != SelectAs::kStruct) return {Cat("(", output.sql, ")"), value.type};
    return {Cat("(SELECT ", value.sql, " FROM (", output.sql, ") AS ", id, ")"), value.type};
  }
  std::string order;
  for (const std::string& key : output.order_keys) {
    Append(&order, order.empty() ? " ORDER BY " : ", ", id, ".", key);
  }
  const std::string type = DuckdbName(SqlType::Array(value.type));
  const std::string empty = type.empty() ? "[]" : Cat("CAST([] AS ", type, ")");
  return {Cat("coalesce((SELECT list(", value.sql, order, ") FROM (", output.sql, ") AS ", id,
              "), ", empty, ")"),
          SqlType::Array(value.type)};
}

}  // namespace afluente::warehouse::googlesql
