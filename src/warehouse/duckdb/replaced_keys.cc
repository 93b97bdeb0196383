#include "warehouse/duckdb/replaced_keys.h"

#include <utility>

#include "host/check.h"
#include "schema/text.h"
#include "warehouse/duckdb/logical_type.h"
#include "warehouse/duckdb/vector_writer.h"

namespace afluente::warehouse::duckdb {
namespace {

absl::StatusOr<schema::Type> TypeOf(const TableSchema& table, const std::string& name) {
  for (const schema::Column& column : table.columns) {
    if (column.name == name) return column.type;
  }
  return absl::InvalidArgumentError(
      schema::Concat("table ", table.name.ToString(), " has no column ", name));
}

}  // namespace

absl::Status RemoveKeys(WriteTransaction& transaction, const TableSchema& table,
                        const std::vector<std::string>& columns,
                        const std::vector<std::vector<schema::Value>>& keys) {
  if (keys.empty()) return absl::OkStatus();
  std::string names;
  std::string wanted;
  Arguments arguments;
  for (size_t i = 0; i < columns.size(); ++i) {
    AFLUENTE_ASSIGN_OR_RETURN(const schema::Type type, TypeOf(table, columns[i]));
    schema::Value::List list;
    for (const auto& key : keys) list.push_back(key[i]);
    AFLUENTE_ASSIGN_OR_RETURN(ValueHandle argument, ToDuckdbValue(schema::Type::Array(type),
                                                                  schema::Value(std::move(list))));
    arguments.push_back(std::move(argument));
    const std::string separator = i == 0 ? "" : ", ";
    names += schema::Concat(separator, QuoteIdentifier(columns[i]));
    wanted += schema::Concat(separator, "unnest($", i + 1, ")");
  }
  return transaction.session().Execute(
      schema::Concat("DELETE FROM ", TableSql(table.name), " WHERE (", names, ") IN (SELECT ",
                     wanted, ")"),
      arguments);
}

}  // namespace afluente::warehouse::duckdb
