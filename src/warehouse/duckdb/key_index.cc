#include "warehouse/duckdb/key_index.h"

#include "schema/text.h"
#include "warehouse/duckdb/live_catalog.h"
#include "warehouse/duckdb/logical_type.h"
#include "warehouse/key_column.h"

namespace afluente::warehouse::duckdb {
namespace {

// No table may be called so: a table's name has no '/'.
std::string IndexName(const TableSchema& table) {
  return QuoteIdentifier(schema::Concat(table.name.table, "/key"));
}

}  // namespace

absl::Status CreateKeyIndex(Session& session, const TableSchema& table) {
  const schema::Column* key = KeyColumn(table);
  if (key == nullptr) return absl::OkStatus();
  return session.Execute(schema::Concat("CREATE INDEX ", IndexName(table), " ON ",
                                        TableSql(table.name), " (", QuoteIdentifier(key->name),
                                        ")"));
}

absl::Status DropKeyIndex(Session& session, const TableSchema& table) {
  if (KeyColumn(table) == nullptr) return absl::OkStatus();
  return session.Execute(schema::Concat("DROP INDEX IF EXISTS ",
                                        DatasetSql(table.name.project, table.name.dataset), ".",
                                        IndexName(table)));
}

}  // namespace afluente::warehouse::duckdb
