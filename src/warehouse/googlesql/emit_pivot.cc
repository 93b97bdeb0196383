// PIVOT and UNPIVOT.
#include <algorithm>

#include "warehouse/googlesql/emitter.h"
#include "warehouse/googlesql/function_table.h"
#include "warehouse/googlesql/sql_error.h"
#include "warehouse/googlesql/text.h"

namespace afluente::warehouse::googlesql {
namespace {

// The names of columns that an expression uses.
void CollectNames(const Expression& expression, std::vector<std::string>* names) {
  if (expression.kind == ExpressionKind::kName) names->push_back(expression.text);
  if (expression.kind == ExpressionKind::kField) names->push_back(expression.text);
  for (const ExpressionPtr& arg : expression.args) CollectNames(*arg, names);
}

bool Contains(const std::vector<std::string>& names, const std::string& name) {
  return std::any_of(names.begin(), names.end(),
                     [&](const std::string& other) { return SameName(other, name); });
}

// How PIVOT calls the column of a value that has no alias: its text, in letters of a name.
std::string NameOfValue(const Expression& value) {
  switch (value.kind) {
    case ExpressionKind::kNull:
      return "NULL";
    case ExpressionKind::kString:
    case ExpressionKind::kBool:
      return value.text;
    case ExpressionKind::kInteger:
    case ExpressionKind::kFloat: {
      std::string name = "_" + value.text;
      std::replace(name.begin(), name.end(), '.', '_');
      return name;
    }
    case ExpressionKind::kTyped: {
      std::string name = "_" + value.text;
      std::replace(name.begin(), name.end(), '-', '_');
      return name;
    }
    case ExpressionKind::kUnary:
      if (value.text == "-") return "minus" + NameOfValue(*value.args[0]);
      break;
    default:
      break;
  }
  Fail(value.at, "PIVOT values without an alias must be literals");
}

}  // namespace

std::string Emitter::EmitPivot(const TableExpression& table, Scope* scope) {
  const PivotClause& pivot = *table.pivot;
  Scope inner;
  inner.outer = scope->outer;
  const std::string from = EmitFrom(*table.left, &inner);
  std::vector<std::string> used;
  CollectNames(*pivot.input, &used);
  for (const ExpressionPtr& aggregate : pivot.aggregates) {
    const bool call = aggregate->kind == ExpressionKind::kCall && IsAggregate(aggregate->text);
    if (!call) Fail(aggregate->at, "PIVOT expression must be an aggregate function call");
    CollectNames(*aggregate, &used);
  }
  const std::string id = UniqueName("t");
  RangeVariable range;
  range.name = table.alias;
  std::string items;
  std::string keys;
  for (const ScopeColumn& column : inner.columns) {
    if (column.hidden || Contains(used, column.name)) continue;
    const std::string name = QuoteName(column.name);
    Append(&items, items.empty() ? "" : ", ", column.sql, " AS ", name);
    Append(&keys, keys.empty() ? " GROUP BY " : ", ", column.sql);
    range.columns.push_back({column.name, Cat(id, ".", name), column.type});
  }
  const Emitted input = Emit(*pivot.input, inner);
  for (const PivotClause::Value& value : pivot.values) {
    const Emitted wanted = Emit(*value.expression, inner);
    CheckComparable(input, wanted, "=", value.expression->at);
    pivot_filter_ = Cat(input.sql, " IS NOT DISTINCT FROM ", wanted.sql);
    for (size_t i = 0; i < pivot.aggregates.size(); ++i) {
      const Emitted cell = Emit(*pivot.aggregates[i], inner);
      const std::string& alias = pivot.aggregate_aliases[i];
      if (alias.empty() && pivot.aggregates.size() > 1) {
        Fail(pivot.aggregates[i]->at,
             "PIVOT expression must have an alias unless there is exactly one of them");
      }
      const std::string suffix = value.alias.empty() ? NameOfValue(*value.expression) : value.alias;
      const std::string column = alias.empty() ? suffix : Cat(alias, "_", suffix);
      Append(&items, items.empty() ? "" : ", ", cell.sql, " AS ", QuoteName(column));
      range.columns.push_back({column, Cat(id, ".", QuoteName(column)), cell.type});
    }
    pivot_filter_.clear();
  }
  AddRange(std::move(range), scope, table.at);
  return Cat("(SELECT ", items, " FROM ", from, keys, ") AS ", id);
}

std::string Emitter::EmitUnpivot(const TableExpression& table, Scope* scope) {
  const PivotClause& pivot = *table.pivot;
  Scope inner;
  inner.outer = scope->outer;
  const std::string from = EmitFrom(*table.left, &inner);
  const std::string id = UniqueName("t");
  const std::string row = UniqueName("u");
  std::vector<std::string> used;
  std::vector<SqlType> types(pivot.value_columns.size());
  SqlType name_type = TypeCode::kString;
  std::string rows;
  for (const PivotClause::Value& value : pivot.values) {
    std::string label;
    for (const std::string& column : value.columns) {
      Append(&label, label.empty() ? "" : "_", column);
    }
    std::string name = QuoteText(label);
    if (value.name != nullptr) {
      const Emitted written = Emit(*value.name, inner);
      name = written.sql;
      name_type = written.type;
    }
    Append(&rows, rows.empty() ? "" : ", ", "struct_pack(n := ", name);
    for (size_t i = 0; i < value.columns.size(); ++i) {
      Emitted cell;
      if (!FindName(value.columns[i], table.at, inner, &cell)) {
        Fail(table.at, Cat("Unrecognized name: ", value.columns[i]));
      }
      used.push_back(value.columns[i]);
      types[i] = CommonType(types[i], cell.type);
      Append(&rows, ", v", i, " := ", cell.sql);
    }
    rows += ")";
  }
  RangeVariable range;
  range.name = table.alias;
  std::string items;
  auto add = [&](const std::string& name, const std::string& sql, const SqlType& type) {
    Append(&items, items.empty() ? "" : ", ", sql, " AS ", QuoteName(name));
    range.columns.push_back({name, Cat(id, ".", QuoteName(name)), type});
  };
  for (const ScopeColumn& column : inner.columns) {
    if (!column.hidden && !Contains(used, column.name)) add(column.name, column.sql, column.type);
  }
  std::string present;
  for (size_t i = 0; i < pivot.value_columns.size(); ++i) {
    add(pivot.value_columns[i], Cat(row, ".r.v", i), types[i]);
    Append(&present, i == 0 ? " WHERE " : " OR ", row, ".r.v", i, " IS NOT NULL");
  }
  add(pivot.name_column, Cat(row, ".r.n"), name_type);
  AddRange(std::move(range), scope, table.at);
  return Cat("(SELECT ", items, " FROM ", from, " CROSS JOIN LATERAL (SELECT unnest([", rows,
             "]) AS r) AS ", row, pivot.include_nulls ? "" : present, ") AS ", id);
}

}  // namespace afluente::warehouse::googlesql
