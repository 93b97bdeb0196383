#include "warehouse/dead_letter_table.h"

#include <utility>

namespace afluente::warehouse {

TableSchema DeadLetterTable(TableName name) {
  using schema::Mode;
  using schema::TypeKind;
  const auto column = [](const char* column_name, TypeKind kind, Mode mode = Mode::kNullable) {
    return schema::Column{column_name, {kind, {}}, mode, ""};
  };
  TableSchema table;
  table.name = std::move(name);
  table.description = "Messages that a function could not store";
  table.columns = {
      column("message_id", TypeKind::kString, Mode::kRequired),
      column("topic", TypeKind::kString),
      column("function", TypeKind::kString, Mode::kRequired),
      column("publish_time", TypeKind::kTimestamp),
      column("data", TypeKind::kBytes),
      column("attributes", TypeKind::kJson),
      column("ordering_key", TypeKind::kString),
      column("error", TypeKind::kString),
      column("attempts", TypeKind::kInt64),
      column("failed_at", TypeKind::kTimestamp),
      column("state", TypeKind::kString),
  };
  return table;
}

}  // namespace afluente::warehouse
