#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "warehouse/catalog.h"

namespace afluente::warehouse::googlesql {

// Tests' catalog: t, u and j of dataset p.d. Immutable.
class SampleCatalog : public CatalogView {
 public:
  std::optional<TableSchema> FindTable(const TableName& name) const override {
    if (!HasDataset(name.project, name.dataset)) return std::nullopt;
    using schema::TypeKind;
    TableSchema table;
    table.name = name;
    if (name.table == "t") {
      table.columns = {Of("id", TypeKind::kInt64), Of("name", TypeKind::kString),
                       Of("v", TypeKind::kFloat64), Of("day", TypeKind::kDate),
                       Of("ts", TypeKind::kTimestamp)};
      schema::Column tags = Of("tags", TypeKind::kArray);
      tags.type.fields.push_back({"", {TypeKind::kString, {}}});
      table.columns.push_back(std::move(tags));
    } else if (name.table == "u") {
      table.columns = {Of("id", TypeKind::kInt64), Of("w", TypeKind::kString)};
    } else if (name.table == "j") {
      schema::Column s = Of("s", TypeKind::kStruct);
      s.type.fields = {{"a", {TypeKind::kInt64, {}}}, {"b", {TypeKind::kString, {}}}};
      table.columns = {Of("id", TypeKind::kInt64), Of("doc", TypeKind::kJson), std::move(s)};
    } else {
      return std::nullopt;
    }
    return table;
  }
  bool HasDataset(std::string_view project, std::string_view dataset) const override {
    return project == "p" && dataset == "d";
  }

 private:
  static schema::Column Of(std::string name, schema::TypeKind kind) {
    schema::Column column;
    column.name = std::move(name);
    column.type.kind = kind;
    return column;
  }
};

}  // namespace afluente::warehouse::googlesql
