#include "warehouse/duckdb/live_catalog.h"

#include "schema/text.h"
#include "warehouse/duckdb/handles.h"

namespace afluente::warehouse::duckdb {

std::optional<TableSchema> CatalogSnapshot::FindTable(const TableName& name) const {
  std::shared_ptr<const TableEntry> entry = Find(name);
  if (entry == nullptr) return std::nullopt;
  return entry->schema;
}

bool CatalogSnapshot::HasDataset(std::string_view project, std::string_view dataset) const {
  return datasets.contains(std::pair(std::string(project), std::string(dataset)));
}

std::vector<std::string> CatalogSnapshot::Datasets(std::string_view project) const {
  std::vector<std::string> names;
  for (const auto& [owner, dataset] : datasets) {
    if (owner == project && !IsTemporaryDataset(dataset)) names.push_back(dataset);
  }
  return names;
}

std::vector<TableSchema> CatalogSnapshot::Tables(std::string_view project,
                                                 std::string_view dataset) const {
  std::vector<TableSchema> found;
  const TableName first{std::string(project), std::string(dataset), ""};
  for (auto it = tables.lower_bound(first); it != tables.end(); ++it) {
    if (it->first.project != project || it->first.dataset != dataset) break;
    found.push_back(it->second->schema);
  }
  return found;
}

std::vector<std::shared_ptr<const Routine>> CatalogSnapshot::Routines(
    std::string_view project, std::string_view dataset) const {
  std::vector<std::shared_ptr<const Routine>> found;
  const TableName first{std::string(project), std::string(dataset), ""};
  for (auto it = routines.lower_bound(first); it != routines.end(); ++it) {
    if (it->first.project != project || it->first.dataset != dataset) break;
    found.push_back(it->second);
  }
  return found;
}

std::shared_ptr<const Routine> CatalogSnapshot::FindRoutine(const TableName& name) const {
  auto found = routines.find(name);
  return found == routines.end() ? nullptr : found->second;
}

bool IsTemporaryDataset(std::string_view dataset) { return dataset.starts_with("_script_"); }

std::optional<Dataset> CatalogSnapshot::FindDataset(std::string_view project,
                                                    std::string_view dataset) const {
  auto found = dataset_properties.find(std::pair(std::string(project), std::string(dataset)));
  if (found != dataset_properties.end()) return found->second;
  return CatalogView::FindDataset(project, dataset);
}

std::vector<TableName> CatalogSnapshot::ExpiredTables(int64_t now_ms) const {
  std::vector<TableName> expired;
  for (const auto& [name, entry] : tables) {
    const auto& properties = entry->schema.properties;
    if (properties && properties->expires_ms && *properties->expires_ms <= now_ms) {
      expired.push_back(name);
    }
  }
  return expired;
}

std::vector<TableSchema> CatalogSnapshot::TablesOfExpiringPartitions() const {
  std::vector<TableSchema> expiring;
  for (const auto& [name, entry] : tables) {
    const auto& properties = entry->schema.properties;
    if (properties && properties->partition_expiration_ms) expiring.push_back(entry->schema);
  }
  return expiring;
}

std::shared_ptr<const TableEntry> CatalogSnapshot::Find(const TableName& name) const {
  auto found = tables.find(name);
  return found == tables.end() ? nullptr : found->second;
}

std::vector<TableName> CatalogSnapshot::WithoutViews(const std::vector<TableName>& names) const {
  std::vector<TableName> stored;
  std::set<TableName> seen;
  std::vector<TableName> waiting(names.rbegin(), names.rend());
  while (!waiting.empty()) {
    TableName name = std::move(waiting.back());
    waiting.pop_back();
    if (!seen.insert(name).second) continue;
    std::shared_ptr<const TableEntry> entry = Find(name);
    if (entry != nullptr && entry->view) {
      waiting.insert(waiting.end(), entry->reads.rbegin(), entry->reads.rend());
    } else {
      stored.push_back(std::move(name));
    }
  }
  return stored;
}

std::shared_ptr<const CatalogSnapshot> LiveCatalog::snapshot() const {
  absl::MutexLock lock(&mutex_);
  return snapshot_;
}

absl::StatusOr<std::vector<TableVersion>> LiveCatalog::Versions(
    const std::vector<TableName>& tables) const {
  absl::MutexLock lock(&mutex_);
  std::vector<TableVersion> result;
  for (const TableName& name : tables) {
    auto found = versions_.find(name);
    if (found == versions_.end()) {
      return absl::NotFoundError(schema::Concat("Not found: Table ", name.ToString()));
    }
    result.push_back({name, found->second});
  }
  return result;
}

std::vector<FunctionRecord> LiveCatalog::Functions() const {
  absl::MutexLock lock(&mutex_);
  std::vector<FunctionRecord> records;
  for (const auto& [name, record] : functions_) records.push_back(record);
  return records;
}

FunctionRecord LiveCatalog::Function(std::string_view function) const {
  absl::MutexLock lock(&mutex_);
  auto found = functions_.find(function);
  if (found != functions_.end()) return found->second;
  FunctionRecord none;
  none.function = std::string(function);
  return none;
}

void LiveCatalog::Publish(std::shared_ptr<const CatalogSnapshot> next,
                          const std::vector<TableVersion>& versions,
                          const std::vector<FunctionRecord>& functions) {
  absl::MutexLock lock(&mutex_);
  for (const FunctionRecord& record : functions) functions_[record.function] = record;
  for (const TableVersion& version : versions) versions_[version.table] = version.version;
  if (next == nullptr) return;
  std::erase_if(versions_, [&](const auto& entry) { return !next->tables.contains(entry.first); });
  snapshot_ = std::move(next);
}

std::string DatasetSql(std::string_view project, std::string_view dataset) {
  return QuoteIdentifier(schema::Concat(project, ".", dataset));
}

std::string TableSql(const TableName& name) {
  return schema::Concat(DatasetSql(name.project, name.dataset), ".", QuoteIdentifier(name.table));
}

}  // namespace afluente::warehouse::duckdb
