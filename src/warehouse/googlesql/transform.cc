// A function's SQL: one row-wise SELECT over `messages`.
#include <algorithm>

#include "warehouse/googlesql/emitter.h"
#include "warehouse/googlesql/sql_error.h"
#include "warehouse/googlesql/text.h"

namespace afluente::warehouse::googlesql {
namespace {

constexpr std::pair<std::string_view, TypeCode> kMessageColumns[] = {
    {"data", TypeCode::kJson},
    {"data_bytes", TypeCode::kBytes},
    {"attributes", TypeCode::kJson},
    {"message_id", TypeCode::kString},
    {"publish_time", TypeCode::kTimestamp},
    {"ordering_key", TypeCode::kString},
    {"delivery_attempt", TypeCode::kInt64},
};

// A function's SQL reads no table, so none exists.
class NoTables : public CatalogView {
 public:
  std::optional<TableSchema> FindTable(const TableName&) const override { return std::nullopt; }
  bool HasDataset(std::string_view, std::string_view) const override { return false; }
};

[[noreturn]] void Refuse(size_t at, std::string_view what) {
  Fail(at,
       Cat(what, " is refused in a function's SQL, which is one row-wise SELECT FROM messages"));
}

void CheckShape(const ParsedStatement& statement) {
  if (statement.kind != StatementKind::kQuery) Refuse(statement.at, "A statement that is no query");
  const Query& query = *statement.query;
  if (!query.with.empty()) Refuse(query.at, "WITH");
  if (!query.set_operation.empty()) Refuse(query.at, "A set operation");
  if (query.select == nullptr) Refuse(query.at, "A parenthesised query");
  if (!query.order.empty()) Refuse(query.order[0].expression->at, "ORDER BY");
  if (query.limit != nullptr) Refuse(query.limit->at, "LIMIT");
  const Select& select = *query.select;
  if (select.distinct) Refuse(select.at, "DISTINCT");
  if (select.as != SelectAs::kRow) Refuse(select.at, "SELECT AS");
  if (select.grouping != Grouping::kNone) Refuse(select.at, "GROUP BY");
  if (select.having != nullptr) Refuse(select.having->at, "HAVING");
  if (select.qualify != nullptr) Refuse(select.qualify->at, "QUALIFY");
  if (!select.windows.empty()) Refuse(select.at, "WINDOW");
  if (select.from == nullptr) Refuse(select.at, "A SELECT without FROM");
}

// The leftmost table is `messages`; what is joined to it must be arrays.
const TableExpression& Messages(const TableExpression& table) {
  if (table.kind == TableKind::kJoin) {
    if (table.join == JoinType::kRight || table.join == JoinType::kFull) {
      Refuse(table.at, "RIGHT or FULL JOIN");
    }
    const bool array = table.right->kind == TableKind::kUnnest ||
                       (table.right->kind == TableKind::kName && table.right->path.size() > 1);
    if (!array) Refuse(table.right->at, "Another table");
    return Messages(*table.left);
  }
  const bool messages =
      table.kind == TableKind::kName && table.path.size() == 1 && table.path[0] == "messages";
  if (!messages) Fail(table.at, "A function's SQL reads FROM messages");
  return table;
}

}  // namespace

std::optional<std::string> Emitter::EmitMessages(const TableExpression& table, Scope* scope) {
  const bool messages = transform_ != nullptr && transform_->publish_time.empty() &&
                        table.path.size() == 1 && table.path[0] == "messages";
  if (!messages) return std::nullopt;
  const std::string id = UniqueName("t");
  RangeVariable range;
  range.name = table.alias.empty() ? "messages" : table.alias;
  for (const auto& [name, type] : kMessageColumns) {
    range.columns.push_back({std::string(name), Cat(id, ".", QuoteName(name)), type});
  }
  transform_->publish_time = Cat(id, ".\"publish_time\"");
  transform_->message_index = Cat(id, ".\"message_index\"");
  AddRange(std::move(range), scope, table.at);
  return Cat(transform_->source, " AS ", id);
}

TransformTranslation EmitTransform(const ParsedStatement& statement, std::string_view source) {
  CheckShape(statement);
  const Select& select = *statement.query->select;
  Messages(*select.from);
  const NoTables catalog;
  const TranslateOptions options;
  Translation translation;
  TransformRules rules;
  rules.source = source;
  Emitter emitter(catalog, options, &translation);
  emitter.set_transform(&rules);
  Scope scope;
  const std::string from = emitter.EmitFrom(*select.from, &scope);
  const std::vector<std::string> ordinals = rules.ordinals;
  std::string where;
  if (select.where != nullptr) where = Cat(" WHERE ", emitter.Emit(*select.where, scope).sql);
  const std::vector<SelectAlias> items = emitter.EmitItems(select, scope);
  TransformTranslation result;
  result.sql = Cat("SELECT ", rules.message_index, " AS \"message_index\"");
  for (size_t i = 0; i < items.size(); ++i) {
    const SelectAlias& item = items[i];
    if (item.name.empty()) {
      Fail(select.at, Cat("Column ", i + 1, " of a function's SQL needs a name (AS name)"));
    }
    for (const std::string& other : result.columns) {
      if (SameName(other, item.name)) Fail(select.at, Cat("Duplicate column name ", item.name));
    }
    result.columns.push_back(item.name);
    Append(&result.sql, ", ", item.value.sql, " AS ", QuoteName(item.name));
  }
  // The order of a message's rows is part of their identity, so it is fixed.
  Append(&result.sql, " FROM ", from, where, " ORDER BY ", rules.message_index);
  for (const std::string& ordinal : ordinals) Append(&result.sql, ", ", ordinal);
  return result;
}

}  // namespace afluente::warehouse::googlesql
