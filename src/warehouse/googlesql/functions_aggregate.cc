// Aggregates and functions of windows.
#include "warehouse/googlesql/function_table.h"
#include "warehouse/googlesql/sql_error.h"
#include "warehouse/googlesql/text.h"

namespace afluente::warehouse::googlesql {
namespace {

std::string Over(CallContext& context) {
  const CallClauses& clauses = *context.call.call;
  if (clauses.over == nullptr) return "";
  return Cat(" OVER (", context.emitter.EmitWindow(*clauses.over, context.scope), ")");
}

void RefuseInTransform(CallContext& context) {
  if (context.emitter.transform() == nullptr || context.scope.outer != nullptr) return;
  Fail(context.call.at,
       Cat("Aggregate function ", context.call.text, " is refused in a function's SQL"));
}

Emitted EmitStringAgg(CallContext& context) {
  RefuseInTransform(context);
  const CallClauses& clauses = *context.call.call;
  const bool bytes = context.args[0].type.Is(TypeCode::kBytes);
  if (bytes) FailUnsupported(context.call.at, "STRING_AGG of BYTES");
  const std::string separator = context.args.size() > 1 ? context.args[1].sql : "','";
  if (clauses.distinct && clauses.order.size() == 1 && clauses.limit == nullptr) {
    // DuckDB does not see that a key is the argument when it may fail.
    const OrderItem& item = clauses.order[0];
    const std::string key = context.emitter.Emit(*item.expression, context.scope).sql;
    if (key == context.args[0].sql) {
      return {Cat("array_to_string(list_sort(list(DISTINCT ", key, ") FILTER (WHERE ", key,
                  " IS NOT NULL)", Over(context), ", '", item.descending ? "DESC" : "ASC", "'), ",
                  separator, ")"),
              TypeCode::kString};
    }
  }
  const std::string distinct = clauses.distinct ? "DISTINCT " : "";
  std::string order;
  if (!clauses.order.empty()) {
    order = Cat(" ORDER BY ", context.emitter.EmitOrder(clauses.order, context.scope));
  }
  if (clauses.limit == nullptr) {
    return {Cat("string_agg(", distinct, context.args[0].sql, ", ", separator, order, ")",
                Over(context)),
            TypeCode::kString};
  }
  if (clauses.limit->kind != ExpressionKind::kInteger) {
    FailSyntax(clauses.limit->at, "LIMIT in a call takes an integer literal");
  }
  return {Cat("array_to_string((list(", distinct, context.args[0].sql, order, ") FILTER (WHERE ",
              context.args[0].sql, " IS NOT NULL)", Over(context), ")[1:", clauses.limit->text,
              "], ", separator, ")"),
          TypeCode::kString};
}

Emitted EmitQuantiles(CallContext& context) {
  RefuseInTransform(context);
  const Expression& count = *context.call.args[1];
  if (count.kind != ExpressionKind::kInteger || count.text.size() > 5 ||
      std::stoi(count.text) < 1) {
    Fail(count.at, "APPROX_QUANTILES takes a positive integer literal up to 99999");
  }
  const int n = std::stoi(count.text);
  std::string points;
  for (int i = 0; i <= n; ++i) {
    Append(&points, i == 0 ? "[" : ", ", "CAST(", i, " AS DOUBLE) / ", n);
  }
  return {Cat("quantile_disc(", context.args[0].sql, ", ", points, "])", Over(context)),
          SqlType::Array(context.args[0].type)};
}

Emitted EmitTopCount(CallContext& context) {
  RefuseInTransform(context);
  const SqlType type = SqlType::Array(
      SqlType::Struct({{"value", context.args[0].type}, {"count", TypeCode::kInt64}}));
  return {Cat("list_transform(list_reverse_sort(list_transform(map_entries(histogram(",
              context.args[0].sql, ")", Over(context),
              "), lambda e: struct_pack(c := CAST(e.value AS BIGINT), v := e.key)))[1:CAST(",
              context.args[1].sql,
              " AS BIGINT)], lambda e: struct_pack(\"value\" := e.v, "
              "\"count\" := e.c))"),
          type};
}

// Sums by value, in lists: exact, but slow where there are many values.
Emitted EmitTopSum(CallContext& context) {
  RefuseInTransform(context);
  const SqlType weight = context.args[1].type;
  const std::string name = DuckdbName(weight);
  const SqlType type =
      SqlType::Array(SqlType::Struct({{"value", context.args[0].type}, {"sum", weight}}));
  return {Cat("list_transform([list(struct_pack(v := ", context.args[0].sql,
              ", w := ", context.args[1].sql, "))", Over(context),
              "], lambda l: list_transform(list_reverse_sort(list_transform(list_distinct("
              "list_transform(l, lambda e: e.v)), lambda k: struct_pack(s := CAST(list_sum("
              "list_transform(list_filter(l, lambda e: e.v = k), lambda e: e.w)) AS ",
              name.empty() ? "DOUBLE" : name, "), v := k)))[1:CAST(", context.args[2].sql,
              " AS BIGINT)], lambda e: struct_pack(\"value\" := e.v, \"sum\" := e.s)))[1]"),
          type};
}

// PERCENTILE_CONT and PERCENTILE_DISC exist as analytic functions only.
Emitted EmitPercentile(CallContext& context) {
  RefuseInTransform(context);
  if (context.call.call->over == nullptr) {
    Fail(context.call.at,
         Cat("Analytic function ", context.call.text, " cannot be called without an OVER clause"));
  }
  const bool continuous = context.call.text == "PERCENTILE_CONT";
  const std::string value =
      continuous ? Cat("CAST(", context.args[0].sql, " AS DOUBLE)") : context.args[0].sql;
  return {Cat(continuous ? "quantile_cont(" : "quantile_disc(", value, ", ", context.args[1].sql,
              ")", Over(context)),
          continuous ? SqlType(TypeCode::kFloat64) : context.args[0].type};
}

Emitted EmitArrayConcatAgg(CallContext& context) {
  RefuseInTransform(context);
  const CallClauses& clauses = *context.call.call;
  std::string order;
  if (!clauses.order.empty()) {
    order = Cat(" ORDER BY ", context.emitter.EmitOrder(clauses.order, context.scope));
  }
  if (clauses.limit != nullptr) FailUnsupported(clauses.limit->at, "LIMIT in this aggregate");
  return {Cat("flatten(list(", context.args[0].sql, order, ") FILTER (WHERE ", context.args[0].sql,
              " IS NOT NULL)", Over(context), ")"),
          context.args[0].type};
}

constexpr FunctionKind kAggregate = FunctionKind::kAggregate;
constexpr FunctionKind kWindow = FunctionKind::kWindow;

constexpr Function kFunctions[] = {
    {"COUNT", 1, 1, "count", Result::kInt64, kAggregate},
    {"COUNTIF", 1, 1, "count", Result::kInt64, kAggregate, nullptr, true,
     "CASE WHEN $1 THEN 1 END"},
    {"SUM", 1, 1, "sum", Result::kArgument, kAggregate},
    {"AVG", 1, 1, "avg", Result::kFloatOrNumeric, kAggregate},
    {"MIN", 1, 1, "min", Result::kArgument, kAggregate},
    {"MAX", 1, 1, "max", Result::kArgument, kAggregate},
    {"MAX_BY", 2, 2, "arg_max", Result::kArgument, kAggregate},
    {"MIN_BY", 2, 2, "arg_min", Result::kArgument, kAggregate},
    {"ANY_VALUE", 1, 1, "any_value", Result::kArgument, kAggregate, nullptr, true, "",
     "gives a value that is not NULL where there is one"},
    {"ARRAY_AGG", 1, 1, "list", Result::kArrayOfArgument, kAggregate},
    {"ARRAY_CONCAT_AGG", 1, 1, "", Result::kArgument, kAggregate, EmitArrayConcatAgg},
    {"STRING_AGG", 1, 2, "", Result::kString, kAggregate, EmitStringAgg},
    {"LOGICAL_AND", 1, 1, "bool_and", Result::kBool, kAggregate},
    {"LOGICAL_OR", 1, 1, "bool_or", Result::kBool, kAggregate},
    {"BIT_AND", 1, 1, "bit_and", Result::kInt64, kAggregate},
    {"BIT_OR", 1, 1, "bit_or", Result::kInt64, kAggregate},
    {"BIT_XOR", 1, 1, "bit_xor", Result::kInt64, kAggregate},
    {"STDDEV", 1, 1, "stddev_samp", Result::kFloat64, kAggregate, nullptr, true,
     "CAST($1 AS DOUBLE)"},
    {"STDDEV_SAMP", 1, 1, "stddev_samp", Result::kFloat64, kAggregate, nullptr, true,
     "CAST($1 AS DOUBLE)"},
    {"STDDEV_POP", 1, 1, "stddev_pop", Result::kFloat64, kAggregate, nullptr, true,
     "CAST($1 AS DOUBLE)"},
    {"VARIANCE", 1, 1, "var_samp", Result::kFloat64, kAggregate, nullptr, true,
     "CAST($1 AS DOUBLE)"},
    {"VAR_SAMP", 1, 1, "var_samp", Result::kFloat64, kAggregate, nullptr, true,
     "CAST($1 AS DOUBLE)"},
    {"VAR_POP", 1, 1, "var_pop", Result::kFloat64, kAggregate, nullptr, true, "CAST($1 AS DOUBLE)"},
    {"CORR", 2, 2, "corr", Result::kFloat64, kAggregate},
    {"COVAR_POP", 2, 2, "covar_pop", Result::kFloat64, kAggregate},
    {"COVAR_SAMP", 2, 2, "covar_samp", Result::kFloat64, kAggregate},
    {"APPROX_COUNT_DISTINCT", 1, 1, "count", Result::kInt64, kAggregate, nullptr, true, "",
     "exact"},
    {"APPROX_QUANTILES", 2, 2, "", Result::kArrayOfArgument, kAggregate, EmitQuantiles, true, "",
     "exact"},
    {"APPROX_TOP_COUNT", 2, 2, "", Result::kUnknown, kAggregate, EmitTopCount, true, "", "exact"},
    {"APPROX_TOP_SUM", 3, 3, "", Result::kUnknown, kAggregate, EmitTopSum, true, "", "exact"},
    {"GROUPING", 1, 1, "grouping", Result::kInt64, kAggregate},
    {"ROW_NUMBER", 0, 0, "row_number", Result::kInt64, kWindow},
    {"RANK", 0, 0, "rank", Result::kInt64, kWindow},
    {"DENSE_RANK", 0, 0, "dense_rank", Result::kInt64, kWindow},
    {"PERCENT_RANK", 0, 0, "percent_rank", Result::kFloat64, kWindow},
    {"CUME_DIST", 0, 0, "cume_dist", Result::kFloat64, kWindow},
    {"NTILE", 1, 1, "ntile", Result::kInt64, kWindow},
    {"LAG", 1, 3, "lag", Result::kArgument, kWindow},
    {"LEAD", 1, 3, "lead", Result::kArgument, kWindow},
    {"FIRST_VALUE", 1, 1, "first_value", Result::kArgument, kWindow},
    {"LAST_VALUE", 1, 1, "last_value", Result::kArgument, kWindow},
    {"NTH_VALUE", 2, 2, "nth_value", Result::kArgument, kWindow},
    {"PERCENTILE_CONT", 2, 2, "", Result::kFloat64, kAggregate, EmitPercentile},
    {"PERCENTILE_DISC", 2, 2, "", Result::kArgument, kAggregate, EmitPercentile},
};

}  // namespace

std::span<const Function> AggregateFunctions() { return kFunctions; }

}  // namespace afluente::warehouse::googlesql
