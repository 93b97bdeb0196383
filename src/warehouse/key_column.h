#pragma once

#include <string>

#include "schema/text.h"
#include "warehouse/table.h"

namespace afluente::warehouse {

// The column that lookups of single rows go by, for which an engine may keep an index: the first
// clustering column where its values compare as they are stored; nullptr where there is none.
inline const schema::Column* KeyColumn(const TableSchema& table) {
  if (table.clustering.empty()) return nullptr;
  for (const schema::Column& column : table.columns) {
    if (!schema::EqualsIgnoreCase(column.name, table.clustering[0])) continue;
    switch (column.type.kind) {
      case schema::TypeKind::kInt64:
      case schema::TypeKind::kString:
      case schema::TypeKind::kDate:
      case schema::TypeKind::kDatetime:
      case schema::TypeKind::kTimestamp:
        return &column;
      default:
        return nullptr;
    }
  }
  return nullptr;
}

}  // namespace afluente::warehouse
