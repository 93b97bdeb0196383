// Wildcard tables, the columns of partitions, and filters that a table demands.
#include <algorithm>

#include "warehouse/googlesql/emitter.h"
#include "warehouse/googlesql/sql_error.h"
#include "warehouse/googlesql/text.h"

namespace afluente::warehouse::googlesql {
namespace {

bool Mentions(const Expression& expression, std::string_view name) {
  const bool named =
      expression.kind == ExpressionKind::kName || expression.kind == ExpressionKind::kField;
  if (named && SameName(expression.text, name)) return true;
  return std::any_of(expression.args.begin(), expression.args.end(),
                     [&](const ExpressionPtr& arg) { return Mentions(*arg, name); });
}

}  // namespace

// _PARTITIONTIME and _PARTITIONDATE of a table that is partitioned by the time of storing.
void Emitter::AddPartitionColumns(const std::string& id, std::vector<ScopeColumn>* columns) {
  const std::string time = Cat(id, ".", QuoteName(kPartitionTime));
  ScopeColumn hour{kPartitionTime, time, TypeCode::kTimestamp};
  ScopeColumn day{"_PARTITIONDATE", Cat("CAST(", time, " AS DATE)"), TypeCode::kDate};
  hour.hidden = true;
  day.hidden = true;
  columns->push_back(std::move(hour));
  columns->push_back(std::move(day));
}

void Emitter::NotePartitionFilter(const TableSchema& table) {
  if (RequiresPartitionFilter(table)) filters_needed_.push_back(table);
}

void Emitter::CheckPartitionFilters(const Expression* where, size_t at) {
  for (const TableSchema& table : filters_needed_) {
    const std::string& field = table.partitioning.field;
    const bool filtered =
        where != nullptr &&
        (field.empty() ? Mentions(*where, kPartitionTime) || Mentions(*where, "_PARTITIONDATE")
                       : Mentions(*where, field));
    if (filtered) continue;
    Fail(at, Cat("Cannot query over table '", table.name.ToString(),
                 "' without a filter over column(s) '",
                 field.empty() ? "_PARTITION_LOAD_TIME', '_PARTITIONDATE', '_PARTITIONTIME" : field,
                 "' that can be used for partition elimination"));
  }
  filters_needed_.clear();
}

// `prefix*`: the tables of a dataset whose names begin so, one after the other. The columns are
// those of the newest, which is the last by name where times are not known.
std::string Emitter::EmitWildcard(const TableExpression& table, const TableName& name,
                                  Scope* scope) {
  const std::string prefix = name.table.substr(0, name.table.size() - 1);
  std::vector<TableSchema> found;
  if (options_.listing != nullptr) {
    for (TableSchema& one : options_.listing->Tables(name.project, name.dataset)) {
      if (one.name.table.starts_with(prefix)) found.push_back(std::move(one));
    }
  }
  if (found.empty()) {
    Fail(table.at,
         Cat(name.project, ":", name.dataset, ".", name.table, " does not match any table."));
  }
  const TableSchema newest =
      *std::max_element(found.begin(), found.end(), [](const TableSchema& a, const TableSchema& b) {
        return a.created_ms != b.created_ms ? a.created_ms < b.created_ms : a.name < b.name;
      });
  std::string sql;
  for (const TableSchema& one : found) {
    if (one.kind == RelationKind::kView || one.kind == RelationKind::kMaterializedView) {
      Fail(table.at, Cat("Views cannot be queried through prefix. First view ", one.name.project,
                         ":", one.name.dataset, ".", one.name.table, "."));
    }
    NotePartitionFilter(one);
    translation_->tables_read.push_back(one.name);
    Append(&sql, sql.empty() ? "(" : " UNION ALL ", "SELECT ",
           QuoteText(one.name.table.substr(prefix.size())), " AS \"_TABLE_SUFFIX\"");
    for (const schema::Column& column : newest.columns) {
      const bool has = std::any_of(one.columns.begin(), one.columns.end(),
                                   [&](const auto& c) { return SameName(c.name, column.name); });
      const std::string type = DuckdbName(FromSchema(column.type));
      const std::string value = has ? StoredColumn(column, "w").sql : "NULL";
      Append(&sql, ", CAST(", value, " AS ", type, ") AS ", QuoteName(column.name));
    }
    Append(&sql, " FROM ", QualifiedName(one.name), " AS w");
  }
  const std::string id = UniqueName("t");
  RangeVariable range;
  range.name = table.alias.empty() ? name.table : table.alias;
  for (const schema::Column& column : newest.columns) {
    range.columns.push_back(
        {column.name, Cat(id, ".", QuoteName(column.name)), FromSchema(column.type)});
  }
  ScopeColumn suffix{"_TABLE_SUFFIX", Cat(id, ".\"_TABLE_SUFFIX\""), TypeCode::kString};
  suffix.hidden = true;
  range.columns.push_back(std::move(suffix));
  AddRange(std::move(range), scope, table.at);
  return Cat(sql, ") AS ", id);
}

}  // namespace afluente::warehouse::googlesql
