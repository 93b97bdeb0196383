// INTERVAL and RANGE: literals, functions and RANGE_SESSIONIZE.
#include "warehouse/googlesql/emitter.h"
#include "warehouse/googlesql/function_table.h"
#include "warehouse/googlesql/interval_literal.h"
#include "warehouse/googlesql/sql_error.h"
#include "warehouse/googlesql/sql_template.h"
#include "warehouse/googlesql/text.h"

namespace afluente::warehouse::googlesql {
namespace {

// A RANGE is stored as a STRUCT of these two, where NULL is unbounded.
constexpr std::string_view kStart = "struct_extract($1, '[')";
constexpr std::string_view kEnd = "struct_extract($1, ')')";

std::string Pack(std::string_view start, std::string_view end) {
  return Cat("struct_pack(\"[\" := ", start, ", \")\" := ", end, ")");
}

const SqlType& RangeArgument(const CallContext& context, size_t arg = 0) {
  const SqlType& type = context.args[arg].type;
  if (!type.Is(TypeCode::kRange)) {
    Fail(context.call.at, Cat("No matching signature for function ", context.call.text,
                              " for argument types: ", GoogleName(type)));
  }
  return type;
}

Emitted EmitRangeConstructor(CallContext& context) {
  SqlType element = CommonType(context.args[0].type, context.args[1].type);
  if (!element.known()) {
    Fail(context.call.at, "RANGE needs a start or an end whose type is known");
  }
  const std::string type = TemplateType(element);
  return {
      context.Fill(Cat("CASE WHEN $1 >= $2 THEN $E(Range start element must be smaller than range "
                       "end element) ELSE ",
                       Pack(Cat("CAST($1 AS ", type, ")"), Cat("CAST($2 AS ", type, ")")), " END")),
      SqlType::Range(element)};
}

Emitted EmitRangeBound(CallContext& context) {
  const SqlType& type = RangeArgument(context);
  return {context.Fill(context.call.text == "RANGE_START" ? kStart : kEnd), type.element()};
}

// Comparisons take NULL as unbounded on its side.
constexpr std::string_view kOverlaps =
    "(coalesce(struct_extract($1, '[') < struct_extract($2, ')'), TRUE) AND "
    "coalesce(struct_extract($2, '[') < struct_extract($1, ')'), TRUE))";

Emitted EmitOverlaps(CallContext& context) {
  RangeArgument(context, 0);
  RangeArgument(context, 1);
  return {context.Fill(Cat("CASE WHEN $1 IS NOT NULL AND $2 IS NOT NULL THEN ", kOverlaps, " END")),
          TypeCode::kBool};
}

Emitted EmitContains(CallContext& context) {
  RangeArgument(context, 0);
  const bool range = context.args[1].type.Is(TypeCode::kRange);
  const std::string_view inside =
      range ? "CASE WHEN $1 IS NOT NULL AND $2 IS NOT NULL THEN "
              "(struct_extract($1, '[') IS NULL OR "
              "coalesce(struct_extract($2, '[') >= struct_extract($1, '['), FALSE)) AND "
              "(struct_extract($1, ')') IS NULL OR "
              "coalesce(struct_extract($2, ')') <= struct_extract($1, ')'), FALSE)) END"
            : "CASE WHEN $1 IS NOT NULL AND $2 IS NOT NULL THEN "
              "coalesce($2 >= struct_extract($1, '['), TRUE) AND "
              "coalesce($2 < struct_extract($1, ')'), TRUE) END";
  return {context.Fill(inside), TypeCode::kBool};
}

Emitted EmitIntersect(CallContext& context) {
  const SqlType& type = RangeArgument(context, 0);
  const std::string both = Pack("greatest(struct_extract($1, '['), struct_extract($2, '['))",
                                "least(struct_extract($1, ')'), struct_extract($2, ')'))");
  return {
      context.Fill(Cat("CASE WHEN $1 IS NOT NULL AND $2 IS NOT NULL THEN CASE WHEN ", kOverlaps,
                       " THEN ", both, " ELSE $E(Provided RANGE inputs do not overlap) END END")),
      type};
}

// Steps from the start; the last one ends where the range does.
Emitted EmitRangeArray(CallContext& context) {
  const SqlType& type = RangeArgument(context, 0);
  const std::string element = TemplateType(type.element());
  const std::string series =
      Cat("generate_series(struct_extract($1, '['), struct_extract($1, ')'), $2)");
  const std::string pieces =
      Cat("list_transform(list_filter(", series,
          ", lambda s: s < struct_extract($1, ')')), "
          "lambda s: ",
          Pack(Cat("CAST(s AS ", element, ")"),
               Cat("least(CAST(s + $2 AS ", element, "), struct_extract($1, ')'))")),
          ")");
  const Emitted* last = context.Named("include_last_partial_range");
  if (last == nullptr && context.args.size() > 2) last = &context.args[2];
  const std::string whole =
      last == nullptr ? pieces
                      : Cat("list_filter(", pieces, ", lambda r: ", EscapeTemplate(last->sql),
                            " OR struct_extract(r, '[') + $2 <= struct_extract($1, ')'))");
  return {context.Fill(whole), SqlType::Array(type)};
}

Emitted EmitMakeInterval(CallContext& context) {
  static constexpr std::string_view kParts[] = {"year", "month", "day", "hour", "minute", "second"};
  static constexpr std::string_view kMakers[] = {"to_years(", "to_months(",  "to_days(",
                                                 "to_hours(", "to_minutes(", "to_seconds("};
  std::string sql;
  for (size_t i = 0; i < std::size(kParts); ++i) {
    const Emitted* part = i < context.args.size() ? &context.args[i] : context.Named(kParts[i]);
    if (part == nullptr) continue;
    Append(&sql, sql.empty() ? "(" : " + ", kMakers[i], part->sql, ")");
  }
  if (sql.empty()) return {"INTERVAL '0' SECOND", TypeCode::kInterval};
  return {sql + ")", TypeCode::kInterval};
}

constexpr FunctionKind kScalar = FunctionKind::kScalar;

constexpr Function kFunctions[] = {
    {"RANGE", 2, 2, "", Result::kUnknown, kScalar, EmitRangeConstructor},
    {"RANGE_START", 1, 1, "", Result::kElement, kScalar, EmitRangeBound},
    {"RANGE_END", 1, 1, "", Result::kElement, kScalar, EmitRangeBound},
    {"RANGE_OVERLAPS", 2, 2, "", Result::kBool, kScalar, EmitOverlaps},
    {"RANGE_CONTAINS", 2, 2, "", Result::kBool, kScalar, EmitContains},
    {"RANGE_INTERSECT", 2, 2, "", Result::kArgument, kScalar, EmitIntersect},
    {"GENERATE_RANGE_ARRAY", 2, 3, "", Result::kArrayOfArgument, kScalar, EmitRangeArray, true, "",
     "", "include_last_partial_range"},
    {"MAKE_INTERVAL", 0, 6, "", Result::kInterval, kScalar, EmitMakeInterval, true, "", "",
     "year,month,day,hour,minute,second"},
    {"JUSTIFY_HOURS", 1, 1, "gsql_justify($1, 'HOURS')", Result::kInterval},
    {"JUSTIFY_DAYS", 1, 1, "gsql_justify($1, 'DAYS')", Result::kInterval},
    {"JUSTIFY_INTERVAL", 1, 1, "gsql_justify($1, 'INTERVAL')", Result::kInterval},
};

// The parts of a range literal: '[start, end)', each may be UNBOUNDED or NULL.
std::pair<std::string, std::string> RangeBounds(const Expression& literal) {
  const std::string& text = literal.text;
  const size_t comma = text.find(", ");
  if (text.size() < 4 || text.front() != '[' || text.back() != ')' || comma == std::string::npos) {
    Fail(literal.at, Cat("Invalid RANGE literal value: ", QuoteText(text)));
  }
  return {text.substr(1, comma - 1), text.substr(comma + 2, text.size() - comma - 3)};
}

// Whether ranges that only meet are of one session.
bool SessionsMeet(const TableExpression& table) {
  if (table.arguments.size() < 3) return true;
  const Expression& mode = *table.arguments[2];
  const bool known =
      mode.kind == ExpressionKind::kString && (mode.text == "MEETS" || mode.text == "OVERLAPS");
  if (!known) {
    Fail(mode.at, Cat("Could not cast literal \"", mode.text, "\" to type RANGE_SESSIONIZE_MODE"));
  }
  return mode.text == "MEETS";
}

// The query of RANGE_SESSIONIZE: `items` are the table's columns as emitted, `names` their names.
std::string SessionSql(const Emitted& range, const std::vector<std::string>& keys, bool meets,
                       const std::string& items, const std::string& names,
                       const std::string& from) {
  const std::string element = DuckdbName(range.type.element());
  const std::string lowest = Cat("CAST('-infinity' AS ", element, ")");
  const std::string highest = Cat("CAST('infinity' AS ", element, ")");
  const std::string low = Expand(Cat("coalesce(", kStart, ", ", lowest, ")"), {range.sql}, false);
  const std::string high = Expand(Cat("coalesce(", kEnd, ", ", highest, ")"), {range.sql}, false);
  // A NULL row is taken as unbounded: it joins all, and adds nothing to their session.
  std::string partition = "TRUE";
  std::string keyed = "TRUE";
  std::string key_items = Cat(", (", range.sql, ") IS NULL AS __null");
  for (size_t i = 0; i < keys.size(); ++i) {
    Append(&partition, ", ", keys[i]);
    Append(&keyed, ", __k", i);
    Append(&key_items, ", ", keys[i], " AS __k", i);
  }
  // Who is beyond all ends so far begins a session.
  const std::string begins =
      Cat("CASE WHEN ", low, meets ? " <= " : " < ", "max(", high, ") OVER (PARTITION BY ",
          partition, " ORDER BY ", low, ", ", high,
          " ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) THEN 0 ELSE 1 END");
  const std::string marked = Cat("SELECT ", items, key_items, ", ", low, " AS __low, ", high,
                                 " AS __high, ", begins, " AS __begins FROM ", from);
  const std::string numbered =
      Cat("SELECT *, sum(__begins) OVER (PARTITION BY ", keyed,
          " ORDER BY __low, __high, __begins DESC ROWS UNBOUNDED PRECEDING) AS __session FROM (",
          marked, ")");
  const std::string session =
      Cat(" FILTER (WHERE NOT __null) OVER (PARTITION BY ", keyed, ", __session)");
  const std::string bounds = Pack(Cat("nullif(min(__low)", session, ", ", lowest, ")"),
                                  Cat("nullif(max(__high)", session, ", ", highest, ")"));
  return Cat("(SELECT ", names, ", CASE WHEN NOT __null THEN ", bounds,
             " END AS \"session_range\" FROM (", numbered, "))");
}

}  // namespace

std::span<const Function> RangeFunctions() { return kFunctions; }

Emitted Emitter::EmitRangeLiteral(const Expression& expression) {
  const SqlType& type = expression.type;
  const std::string element = DuckdbName(type.element());
  const auto bounds = RangeBounds(expression);
  auto bound = [&](const std::string& text) {
    const bool open = SameName(text, "UNBOUNDED") || SameName(text, "NULL");
    return open ? Cat("CAST(NULL AS ", element, ")")
                : Cat("CAST(", QuoteText(text), " AS ", element, ")");
  };
  return {Pack(bound(bounds.first), bound(bounds.second)), type};
}

Emitted Emitter::EmitInterval(const Expression& expression, const Scope& scope) {
  static constexpr std::pair<std::string_view, std::string_view> kUnits[] = {
      {"YEAR", "to_years("},
      {"QUARTER", "to_months(3 * "},
      {"MONTH", "to_months("},
      {"WEEK", "to_weeks("},
      {"DAY", "to_days("},
      {"HOUR", "to_hours("},
      {"MINUTE", "to_minutes("},
      {"SECOND", "to_seconds("},
      {"MILLISECOND", "to_milliseconds("},
      {"MICROSECOND", "to_microseconds("}};
  const Expression& amount_node = *expression.args[0];
  if (!expression.names.empty()) {
    std::optional<schema::Interval> interval;
    if (amount_node.kind == ExpressionKind::kString) {
      interval = ParseIntervalLiteral(amount_node.text, expression.text, expression.names[0]);
    }
    if (!interval) Fail(expression.at, Cat("Invalid INTERVAL value: ", amount_node.text));
    return {Cat("(to_months(", interval->months, ") + to_days(", interval->days,
                ") + to_microseconds(CAST(", interval->micros, " AS BIGINT)))"),
            TypeCode::kInterval};
  }
  Emitted amount = Emit(amount_node, scope);
  if (amount_node.kind == ExpressionKind::kString) {
    const std::string type = expression.text == "SECOND" ? "DOUBLE" : "BIGINT";
    amount.sql = Cat("CAST(", amount.sql, " AS ", type, ")");
  }
  for (const auto& [unit, function] : kUnits) {
    if (unit == expression.text) return {Cat(function, amount.sql, ")"), TypeCode::kInterval};
  }
  Fail(expression.at, Cat("Unsupported interval unit: ", expression.text));
}

// RANGE_SESSIONIZE(TABLE t, 'range', ['key', ...][, 'MEETS' | 'OVERLAPS']).
std::string Emitter::EmitRangeSessionize(const TableExpression& table, Scope* scope) {
  const size_t given = table.arguments.size();
  if (table.table_argument.empty() || given < 2 || given > 3) {
    Fail(table.at, "No matching signature for table function RANGE_SESSIONIZE");
  }
  const bool meets = SessionsMeet(table);
  TableExpression source;
  source.at = table.at;
  source.path = table.table_argument;
  Scope inner;
  inner.outer = scope->outer;
  const std::string from = EmitFrom(source, &inner);
  auto resolve = [&](const Expression& name) {
    Emitted found;
    if (name.kind != ExpressionKind::kString || !FindName(name.text, name.at, inner, &found)) {
      Fail(name.at, Cat("Unrecognized name: ", name.text));
    }
    return found;
  };
  const Emitted range = resolve(*table.arguments[0]);
  if (!range.type.Is(TypeCode::kRange)) {
    Fail(table.arguments[0]->at, Cat("Column ", table.arguments[0]->text, " is not of type RANGE"));
  }
  std::vector<std::string> keys;
  for (const ExpressionPtr& key : table.arguments[1]->args) keys.push_back(resolve(*key).sql);
  RangeVariable result;
  result.name = table.alias;
  const std::string id = UniqueName("t");
  std::string items;
  std::string names;
  for (const ScopeColumn& one : inner.columns) {
    if (one.hidden) continue;
    const std::string name = QuoteName(one.name);
    Append(&items, items.empty() ? "" : ", ", one.sql, " AS ", name);
    Append(&names, names.empty() ? "" : ", ", name);
    result.columns.push_back({one.name, Cat(id, ".", name), one.type});
  }
  result.columns.push_back({"session_range", Cat(id, ".\"session_range\""), range.type});
  AddRange(std::move(result), scope, table.at);
  return Cat(SessionSql(range, keys, meets, items, names, from), " AS ", id);
}

}  // namespace afluente::warehouse::googlesql
