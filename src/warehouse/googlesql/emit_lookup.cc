// Lookups by a table's key column. DuckDB uses an index only when the scan has no other filter, so
// the other equalities are kept out of the scan: each row that the index gives is tested alone.
#include <optional>

#include "warehouse/googlesql/emitter.h"
#include "warehouse/googlesql/text.h"
#include "warehouse/key_column.h"

namespace afluente::warehouse::googlesql {
namespace {

bool IsConstant(const Expression& expression) {
  switch (expression.kind) {
    case ExpressionKind::kInteger:
    case ExpressionKind::kString:
    case ExpressionKind::kTyped:
    case ExpressionKind::kParameter:
      return true;
    default:
      return false;
  }
}

// The column's name in `name = constant`, either way round; nullptr for anything else.
const Expression* ComparedColumn(const Expression& expression) {
  if (expression.kind != ExpressionKind::kCompare || expression.text != "=") return nullptr;
  for (const size_t side : {size_t{0}, size_t{1}}) {
    const Expression& column = *expression.args[side];
    const bool name =
        column.kind == ExpressionKind::kName ||
        (column.kind == ExpressionKind::kField && column.args[0]->kind == ExpressionKind::kName);
    if (name && IsConstant(*expression.args[1 - side])) return &column;
  }
  return nullptr;
}

}  // namespace

std::string Emitter::EmitWhere(const Select& select, const Scope& scope) {
  const Expression& where = *select.where;
  const std::optional<TableSchema> table = LookedUpTable(select);
  const schema::Column* key = table.has_value() ? KeyColumn(*table) : nullptr;
  const bool chain = where.kind == ExpressionKind::kBinary && where.text == "AND";
  if (key == nullptr || !chain) return Emit(where, scope).sql;
  std::string by_key;
  std::string guard;
  std::string rest;
  for (const ExpressionPtr& part : where.args) {
    const Expression* column = ComparedColumn(*part);
    if (column == nullptr) return Emit(where, scope).sql;
    const std::string sql = Emit(*part, scope).sql;
    if (by_key.empty() && SameName(column->text, key->name)) {
      by_key = sql;
      guard = Emit(*column, scope).sql;
    } else {
      Append(&rest, rest.empty() ? "" : " AND ", "(", sql, ")");
    }
  }
  if (by_key.empty() || rest.empty()) return Emit(where, scope).sql;
  // A test of two columns is no filter of a scan. The first is not NULL where the index found it.
  return Cat("(", by_key, ") AND CASE WHEN ", guard, " IS NULL THEN FALSE ELSE ", rest, " END");
}

// The base table that a SELECT reads alone; nullopt for views, joins and common tables.
std::optional<TableSchema> Emitter::LookedUpTable(const Select& select) {
  if (select.from == nullptr || select.from->kind != TableKind::kName) return std::nullopt;
  const std::vector<std::string>& path = select.from->path;
  if (path.size() == 1 && FindCommonTable(path[0]) != nullptr) return std::nullopt;
  if (IsInformationSchema(path) || path.size() > 3) return std::nullopt;
  return catalog_.FindTable(Complete({path, select.from->at}));
}

}  // namespace afluente::warehouse::googlesql
