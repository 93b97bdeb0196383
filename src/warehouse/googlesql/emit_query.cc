// Queries: WITH, SELECT, set operations, ORDER BY.
#include <algorithm>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "warehouse/googlesql/emitter.h"
#include "warehouse/googlesql/limits.h"
#include "warehouse/googlesql/sql_error.h"
#include "warehouse/googlesql/text.h"

namespace afluente::warehouse::googlesql {
namespace {

// GoogleSQL puts NULLs first in ascending order and last in descending order.
std::string Direction(const OrderItem& item) {
  return Cat(item.descending ? " DESC" : " ASC",
             item.nulls_first.value_or(!item.descending) ? " NULLS FIRST" : " NULLS LAST");
}

// What the answer shows has the type that GoogleSQL says, where DuckDB may tell another: of a NULL,
// of a sum.
std::string Typed(const Emitted& value) {
  const bool scalar = value.type.known() && value.type.code < TypeCode::kJson;
  const bool column =
      value.sql.find('(') == std::string::npos && value.sql.find("\"") != value.sql.npos;
  if (!scalar || column) return value.sql;
  return Cat("CAST(", value.sql, " AS ", DuckdbName(value.type), ")");
}

}  // namespace

const RangeVariable* Scope::FindRange(std::string_view name) const {
  for (const RangeVariable& range : ranges) {
    if (SameName(range.name, name)) return &range;
  }
  return nullptr;
}

const SelectAlias* Scope::FindAlias(std::string_view name) const {
  for (const SelectAlias& alias : aliases) {
    if (SameName(alias.name, name)) return &alias;
  }
  return nullptr;
}

Emitted PackColumns(const std::vector<ScopeColumn>& columns, std::string_view table) {
  Emitted packed;
  packed.sql = "struct_pack(";
  std::vector<SqlField> fields;
  for (const ScopeColumn& column : columns) {
    if (column.hidden) continue;
    Append(&packed.sql, fields.empty() ? "" : ", ", QuoteName(column.name), " := ", table,
           table.empty() ? "" : ".", column.sql);
    fields.push_back({column.name, column.type});
  }
  packed.sql += ")";
  packed.type = SqlType::Struct(std::move(fields));
  return packed;
}

std::string Emitter::UniqueName(std::string_view prefix) { return Cat(prefix, ++names_); }

const Emitter::CommonTableEntry* Emitter::FindCommonTable(std::string_view name) const {
  for (auto it = common_.rbegin(); it != common_.rend(); ++it) {
    if (SameName(it->name, name)) return &*it;
  }
  return nullptr;
}

QueryOutput Emitter::EmitQuery(const Query& query, const Scope* outer, bool with_order_keys) {
  const size_t visible = common_.size();
  const std::string with = EmitWith(query, outer);
  QueryOutput output;
  if (query.select != nullptr) {
    output = EmitSelect(query, outer, with_order_keys);
  } else if (query.set_operation.empty()) {
    output = EmitQuery(*query.operands[0], outer);
    output.sql = Cat("SELECT * FROM (", output.sql, ") AS ", UniqueName("t"));
  } else {
    output = EmitSetOperation(query, outer);
  }
  if (query.select == nullptr && (!query.order.empty() || query.limit != nullptr)) {
    Scope scope;
    scope.outer = outer;
    for (size_t i = 0; i < output.columns.size(); ++i) {
      const ScopeColumn& column = output.columns[i];
      scope.aliases.push_back({column.name, i + 1, {column.sql, column.type}});
    }
    scope.use_aliases = true;
    output.sql = Cat("SELECT * FROM (", output.sql, ") AS ", UniqueName("t"));
    if (!query.order.empty()) {
      Append(&output.sql, " ORDER BY ", EmitOrder(query.order, scope));
      if (&query == outermost_) {
        for (const OrderItem& item : query.order) {
          NoteOrder(item, EmitOrderKey(item, scope), scope);
        }
      }
    }
    output.sql += EmitLimit(query, outer);
  }
  output.sql = with + output.sql;
  common_.resize(visible);
  emitted_bytes_ += output.sql.size();
  if (emitted_bytes_ > kOutputBytesMax) {
    Fail(query.at, "Query is too complex: written out for the engine it is longer than 8 MiB");
  }
  return output;
}

std::string Emitter::EmitWith(const Query& query, const Scope* outer) {
  if (query.with.empty()) return "";
  std::string sql = query.recursive ? "WITH RECURSIVE " : "WITH ";
  bool first = true;
  for (const CommonTable& table : query.with) {
    CommonTableEntry entry;
    entry.name = table.name;
    entry.sql = UniqueName("w");
    const size_t visible = common_.size();
    if (query.recursive && table.query->set_operation.starts_with("UNION") &&
        table.query->with.empty() && table.query->order.empty()) {
      pending_recursive_ = table.query.get();
      pending_entry_ = entry;
    }
    QueryOutput output = EmitQuery(*table.query, outer);
    pending_recursive_ = nullptr;
    common_.resize(visible);
    Append(&sql, first ? "" : ", ", entry.sql, "(");
    for (size_t i = 0; i < output.columns.size(); ++i) {
      Append(&sql, i == 0 ? "" : ", ", output.columns[i].sql);
    }
    Append(&sql, ") AS (", output.sql, ")");
    entry.columns = std::move(output.columns);
    entry.as = output.as;
    common_.push_back(std::move(entry));
    first = false;
  }
  return sql + " ";
}

QueryOutput Emitter::EmitSetOperation(const Query& query, const Scope* outer) {
  const bool recursive = pending_recursive_ == &query;
  CommonTableEntry entry = recursive ? pending_entry_ : CommonTableEntry();
  pending_recursive_ = nullptr;
  QueryOutput result;
  for (size_t i = 0; i < query.operands.size(); ++i) {
    QueryOutput operand = EmitQuery(*query.operands[i], outer);
    if (i == 0) {
      result = operand;
      if (recursive) {
        entry.columns = operand.columns;
        entry.as = operand.as;
        common_.push_back(entry);
      }
    } else {
      if (operand.columns.size() != result.columns.size()) {
        Fail(query.operands[i]->at,
             Cat("Queries in ", query.set_operation,
                 query.set_operation.size() == 5 ? " DISTINCT" : "",
                 " have mismatched column count; query 1 has ", result.columns.size(),
                 " columns, query ", i + 1, " has ", operand.columns.size(), " columns"));
      }
      ConformOperand(result.columns, &operand);
      for (size_t c = 0; c < operand.columns.size(); ++c) {
        SqlType& type = result.columns[c].type;
        type = CommonType(type, operand.columns[c].type);
      }
      Append(&result.sql, " ", query.set_operation, " ");
    }
    // Parentheses keep an operand's own ORDER BY, LIMIT and WITH inside it.
    const Query& inner = *query.operands[i];
    const bool plain = inner.select != nullptr && inner.with.empty() && inner.order.empty() &&
                       inner.limit == nullptr;
    const std::string sql = plain ? operand.sql : Cat("(", operand.sql, ")");
    if (i == 0) {
      result.sql = sql;
    } else {
      result.sql += sql;
    }
  }
  return result;
}

// STRUCT fields of a later operand take the first one's names.
void Emitter::ConformOperand(const std::vector<ScopeColumn>& first, QueryOutput* operand) {
  const std::string id = UniqueName("t");
  std::string items;
  bool changed = false;
  for (size_t i = 0; i < first.size(); ++i) {
    ScopeColumn& column = operand->columns[i];
    const Emitted plain{Cat(id, ".", column.sql), column.type};
    const Emitted value = Conform(plain, first[i].type);
    changed = changed || value.sql != plain.sql;
    Append(&items, i == 0 ? "" : ", ", value.sql, " AS ", column.sql);
    column.type = value.type;
  }
  if (changed) operand->sql = Cat("SELECT ", items, " FROM (", operand->sql, ") AS ", id);
}

std::vector<ScopeColumn> Emitter::NameColumns(const std::vector<SelectAlias>& items) {
  std::vector<ScopeColumn> columns;
  absl::flat_hash_set<std::string> taken;
  absl::flat_hash_map<std::string, size_t> last_number;
  size_t anonymous = 0;
  for (const SelectAlias& item : items) {
    ScopeColumn column;
    column.anonymous = item.name.empty();
    column.name = column.anonymous ? Cat("f", anonymous++, "_") : item.name;
    column.type = item.value.type;
    std::string unique = column.name;
    // Continuing where the last one of this name stopped keeps a thousand of them quick.
    size_t& last = last_number[Lower(column.name)];
    while (!taken.insert(Lower(unique)).second) unique = Cat(column.name, "_", ++last);
    column.sql = QuoteName(unique);
    column.hidden = false;
    columns.push_back(std::move(column));
  }
  return columns;
}

QueryOutput Emitter::EmitSelect(const Query& query, const Scope* outer, bool with_order_keys) {
  const Select& select = *query.select;
  Scope scope;
  scope.outer = outer;
  scope.windows = &select.windows;
  std::vector<TableSchema> others;
  std::swap(others, filters_needed_);
  const std::string from =
      select.from == nullptr ? "" : Cat(" FROM ", EmitFrom(*select.from, &scope));
  CheckPartitionFilters(select.where.get(), select.at);
  std::swap(others, filters_needed_);
  std::vector<SelectAlias> items = EmitItems(select, scope);
  std::string where;
  if (select.where != nullptr) where = Cat(" WHERE ", EmitWhere(select, scope));
  scope.aliases = std::move(items);
  QueryOutput output;
  output.as = select.as;
  output.columns = NameColumns(scope.aliases);
  if (select.as == SelectAs::kValue && output.columns.size() != 1) {
    Fail(select.at, "SELECT AS VALUE query must have exactly one column");
  }
  output.sql = select.distinct ? "SELECT DISTINCT " : "SELECT ";
  // What is only shown keeps all its digits; what is compared or grouped is the computed number.
  scope.shows_stored =
      &query == outermost_ && !select.distinct && select.grouping == Grouping::kNone;
  for (size_t i = 0; i < output.columns.size(); ++i) {
    const Emitted& value = scope.aliases[i].value;
    const bool stored = scope.shows_stored && !value.stored.empty();
    Append(&output.sql, i == 0 ? "" : ", ",
           stored                 ? value.stored
           : &query == outermost_ ? Typed(value)
                                  : value.sql,
           " AS ", output.columns[i].sql);
  }
  for (size_t i = 0; i < scope.aliases.size(); ++i) scope.aliases[i].name = output.columns[i].name;
  scope.use_aliases = true;
  std::string order;
  for (const OrderItem& item : query.order) {
    const std::string key = EmitOrderKey(item, scope);
    const std::string direction = Direction(item);
    if (&query == outermost_) NoteOrder(item, key, scope);
    Append(&order, order.empty() ? " ORDER BY " : ", ", key, direction);
    if (with_order_keys && !select.distinct) {
      const bool ordinal = std::all_of(key.begin(), key.end(), [](char c) { return isdigit(c); });
      const std::string name = QuoteName(Cat("__order_", output.order_keys.size()));
      const std::string value = ordinal ? scope.aliases[std::stoul(key) - 1].value.sql : key;
      Append(&output.sql, ", ", value, " AS ", name);
      output.order_keys.push_back(name + direction);
    }
  }
  Append(&output.sql, from, where, EmitGrouping(select, scope));
  if (select.having != nullptr) Append(&output.sql, " HAVING ", Emit(*select.having, scope).sql);
  if (select.qualify != nullptr) Append(&output.sql, " QUALIFY ", Emit(*select.qualify, scope).sql);
  Append(&output.sql, order, EmitLimit(query, outer));
  return output;
}

// A SELECT item as a key of ORDER BY, by its ordinal (from 1): stored text would not sort as a
// number.
static std::string OrderByItem(size_t ordinal, const Scope& scope) {
  const Emitted& value = scope.aliases[ordinal - 1].value;
  return scope.shows_stored && !value.stored.empty() ? value.sql : Cat(ordinal);
}

// A key of ORDER BY: an ordinal where it names a column of the SELECT list, else an expression.
std::string Emitter::EmitOrderKey(const OrderItem& item, const Scope& scope) {
  const Expression& expression = *item.expression;
  if (expression.kind == ExpressionKind::kName) {
    if (const SelectAlias* alias = scope.FindAlias(expression.text)) {
      return OrderByItem(alias->ordinal, scope);
    }
  }
  if (expression.kind == ExpressionKind::kInteger && scope.use_aliases) {
    const size_t ordinal = expression.text.size() < 9 ? std::stoul(expression.text) : 0;
    if (ordinal == 0 || ordinal > scope.aliases.size()) {
      Fail(expression.at, Cat("ORDER BY is out of SELECT column number range: ", expression.text));
    }
    return OrderByItem(ordinal, scope);
  }
  return Emit(expression, scope).sql;
}

// Keeps a key of the outermost ORDER BY for the translation: `key` is an ordinal or an expression.
void Emitter::NoteOrder(const OrderItem& item, const std::string& key, const Scope& scope) {
  const bool ordinal = std::all_of(key.begin(), key.end(), [](char c) { return isdigit(c); });
  for (size_t i = 0; i < scope.aliases.size(); ++i) {
    if (ordinal ? key != Cat(i + 1) : scope.aliases[i].value.sql != key) continue;
    translation_->order.push_back(
        {i, item.descending, item.nulls_first.value_or(!item.descending)});
    return;
  }
  translation_->order_is_of_columns = false;
}

std::string Emitter::EmitOrder(const std::vector<OrderItem>& order, const Scope& scope) {
  std::string sql;
  for (const OrderItem& item : order) {
    Append(&sql, sql.empty() ? "" : ", ", EmitOrderKey(item, scope), Direction(item));
  }
  return sql;
}

std::string Emitter::EmitLimit(const Query& query, const Scope* outer) {
  if (query.limit == nullptr) return "";
  Scope empty;
  empty.outer = outer;
  std::string sql;
  for (const auto& [word, value] :
       {std::pair<std::string_view, const Expression*>(" LIMIT ", query.limit.get()),
        {" OFFSET ", query.offset.get()}}) {
    if (value == nullptr) continue;
    if (value->kind != ExpressionKind::kInteger && value->kind != ExpressionKind::kParameter) {
      FailSyntax(value->at, "LIMIT and OFFSET take an integer literal or a parameter");
    }
    Append(&sql, word, Emit(*value, empty).sql);
  }
  return sql;
}

std::string Emitter::EmitGrouping(const Select& select, const Scope& scope) {
  static constexpr std::string_view kWords[] = {"", "", "ROLLUP ", "CUBE ", "GROUPING SETS ", ""};
  if (select.grouping == Grouping::kNone) return "";
  if (select.grouping == Grouping::kAll) return " GROUP BY ALL";
  std::string list;
  for (const std::vector<ExpressionPtr>& set : select.group_by) {
    std::string one;
    for (const ExpressionPtr& expression : set) {
      Append(&one, one.empty() ? "" : ", ", EmitGroupingItem(*expression, scope));
    }
    const bool bare = set.size() == 1 && select.grouping != Grouping::kSets;
    Append(&list, list.empty() ? "" : ", ", bare ? one : Cat("(", one, ")"));
  }
  const std::string_view word = kWords[static_cast<size_t>(select.grouping)];
  return Cat(" GROUP BY ", word, word.empty() ? "" : "(", list, word.empty() ? "" : ")");
}

std::string Emitter::EmitGroupingItem(const Expression& expression, const Scope& scope) {
  const SelectAlias* alias = nullptr;
  if (expression.kind == ExpressionKind::kName) alias = scope.FindAlias(expression.text);
  if (expression.kind == ExpressionKind::kInteger) {
    const size_t ordinal = expression.text.size() < 9 ? std::stoul(expression.text) : 0;
    if (ordinal == 0 || ordinal > scope.aliases.size()) {
      Fail(expression.at, Cat("GROUP BY is out of SELECT column number range: ", expression.text));
    }
    alias = &scope.aliases[ordinal - 1];
  }
  // Text, not the ordinal: ROLLUP, CUBE and GROUPING SETS take no ordinals.
  return alias != nullptr ? alias->value.sql : Emit(expression, scope).sql;
}

}  // namespace afluente::warehouse::googlesql
