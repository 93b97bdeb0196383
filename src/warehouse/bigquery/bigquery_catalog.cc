#include "warehouse/bigquery/bigquery_catalog.h"

#include <algorithm>
#include <utility>

#include "host/check.h"
#include "schema/text.h"
#include "warehouse/bigquery/json_member.h"
#include "warehouse/bigquery/table_resource.h"

namespace afluente::warehouse::bigquery {
namespace {

using nlohmann::json;
using schema::Concat;

constexpr std::chrono::seconds kKeep{60};
constexpr size_t kKeptMax = 10'000;
constexpr std::chrono::seconds kCallLimit{60};

std::string DatasetPath(std::string_view project, std::string_view dataset) {
  return Concat("/bigquery/v2/projects/", project, "/datasets/", dataset);
}

std::string TablePath(const TableName& name) {
  return Concat(DatasetPath(name.project, name.dataset), "/tables/", name.table);
}

json WriteDataset(const Dataset& dataset) {
  json written = {
      {"datasetReference", {{"projectId", dataset.project}, {"datasetId", dataset.dataset}}},
      {"location", dataset.location},
      {"friendlyName", dataset.friendly_name},
      {"description", dataset.description},
      {"labels", json::object()}};
  for (const auto& [key, value] : dataset.labels) written["labels"][key] = value;
  if (dataset.default_table_expiration_ms.has_value()) {
    written["defaultTableExpirationMs"] = std::to_string(*dataset.default_table_expiration_ms);
  }
  return written;
}

const schema::Column* Find(const std::vector<schema::Column>& columns, const std::string& name) {
  for (const schema::Column& column : columns) {
    if (schema::EqualsIgnoreCase(column.name, name)) return &column;
  }
  return nullptr;
}

}  // namespace

absl::StatusOr<json> BigqueryCatalog::Call(const RestCall& call) const {
  return rest_.Call(call, {rest_.clock().Monotonic() + kCallLimit});
}

absl::StatusOr<TableSchema> BigqueryCatalog::Load(const TableName& name) const {
  {
    absl::MutexLock lock(&mutex_);
    const auto kept = kept_.find(name);
    if (kept != kept_.end() && rest_.clock().Monotonic() < kept->second.until) {
      return kept->second.table;
    }
  }
  AFLUENTE_ASSIGN_OR_RETURN(const json answer, Call({"GET", TablePath(name), ""}));
  AFLUENTE_ASSIGN_OR_RETURN(TableSchema table, ReadTable(answer));
  absl::MutexLock lock(&mutex_);
  if (kept_.size() >= kKeptMax) kept_.clear();
  kept_[name] = {table, rest_.clock().Monotonic() + kKeep};
  return table;
}

void BigqueryCatalog::Forget(const TableName& name) {
  absl::MutexLock lock(&mutex_);
  kept_.erase(name);
}

std::optional<TableSchema> BigqueryCatalog::FindTable(const TableName& name) const {
  absl::StatusOr<TableSchema> table = Load(name);
  if (!table.ok()) return std::nullopt;
  return *std::move(table);
}

bool BigqueryCatalog::HasDataset(std::string_view project, std::string_view dataset) const {
  return Call({"GET", DatasetPath(project, dataset), ""}).ok();
}

absl::Status BigqueryCatalog::EnsureDataset(std::string_view project, std::string_view dataset) {
  if (HasDataset(project, dataset)) return absl::OkStatus();
  json body = {{"datasetReference", {{"projectId", project}, {"datasetId", dataset}}}};
  if (!location_.empty()) body["location"] = location_;
  const absl::Status made =
      Call({"POST", Concat("/bigquery/v2/projects/", project, "/datasets"), body.dump()}).status();
  return absl::IsAlreadyExists(made) ? absl::OkStatus() : made;
}

absl::Status BigqueryCatalog::CreateDataset(const Dataset& dataset) {
  return Call({"POST", Concat("/bigquery/v2/projects/", dataset.project, "/datasets"),
               WriteDataset(dataset).dump(), false})
      .status();
}

absl::Status BigqueryCatalog::UpdateDataset(const Dataset& dataset) {
  return Call({"PUT", DatasetPath(dataset.project, dataset.dataset), WriteDataset(dataset).dump()})
      .status();
}

absl::Status BigqueryCatalog::DropDataset(std::string_view project, std::string_view dataset,
                                          bool delete_contents) {
  return Call({"DELETE",
               Concat(DatasetPath(project, dataset), delete_contents ? "?deleteContents=true" : ""),
               "", false})
      .status();
}

absl::Status BigqueryCatalog::EnsureTable(const TableSchema& table) {
  Forget(table.name);
  absl::StatusOr<TableSchema> is = Load(table.name);
  if (is.ok()) return Alter(*is, table);
  if (!absl::IsNotFound(is.status())) return is.status();
  Forget(table.name);
  return Call({"POST", Concat(DatasetPath(table.name.project, table.name.dataset), "/tables"),
               WriteTable(table).dump(), false})
      .status();
}

absl::Status BigqueryCatalog::Alter(const TableSchema& is, const TableSchema& wanted) {
  if (is.partitioning != wanted.partitioning) {
    return absl::FailedPreconditionError(
        Concat("table ", is.name.ToString(), ": its partitioning cannot change"));
  }
  const std::vector<schema::Column> columns = StoredColumns(wanted);
  for (const schema::Column& column : is.columns) {
    if (Find(columns, column.name) == nullptr) {
      return absl::FailedPreconditionError(
          Concat("table ", is.name.ToString(), ": column ", column.name, " cannot be removed"));
    }
  }
  for (const schema::Column& column : columns) {
    if (Find(is.columns, column.name) == nullptr && column.mode == schema::Mode::kRequired) {
      return absl::FailedPreconditionError(Concat("table ", is.name.ToString(), ": column ",
                                                  column.name,
                                                  " is new, so it cannot be REQUIRED"));
    }
  }
  if (is.columns == columns && is.description == wanted.description) return absl::OkStatus();
  Forget(is.name);
  // Which changes of type are widenings BigQuery knows best; it refuses the others by column.
  json patch = {{"schema", WriteSchema(columns)}, {"description", wanted.description}};
  const absl::Status status = Call({"PATCH", TablePath(is.name), patch.dump()}).status();
  if (absl::IsInvalidArgument(status)) {
    return absl::FailedPreconditionError(
        Concat("table ", is.name.ToString(), ": ", std::string(status.message())));
  }
  return status;
}

absl::StatusOr<std::vector<std::string>> BigqueryCatalog::ListDatasets(
    std::string_view project) const {
  std::vector<std::string> names;
  std::string token;
  do {
    std::string path = Concat("/bigquery/v2/projects/", project, "/datasets?maxResults=1000");
    if (!token.empty()) path += Concat("&pageToken=", token);
    AFLUENTE_ASSIGN_OR_RETURN(const json answer, Call({"GET", path, ""}));
    for (const json& each : List(answer, "datasets")) {
      names.push_back(Text(Member(each, "datasetReference"), "datasetId"));
    }
    token = Text(answer, "nextPageToken");
  } while (!token.empty());
  std::sort(names.begin(), names.end());
  return names;
}

absl::StatusOr<std::vector<TableSchema>> BigqueryCatalog::ListTables(
    std::string_view project, std::string_view dataset) const {
  std::vector<TableSchema> tables;
  std::string token;
  do {
    std::string path = Concat(DatasetPath(project, dataset), "/tables?maxResults=1000");
    if (!token.empty()) path += Concat("&pageToken=", token);
    AFLUENTE_ASSIGN_OR_RETURN(const json answer, Call({"GET", path, ""}));
    for (const json& each : List(answer, "tables")) {
      AFLUENTE_ASSIGN_OR_RETURN(TableSchema table,
                                Load(ReadTableReference(Member(each, "tableReference"))));
      tables.push_back(std::move(table));
    }
    token = Text(answer, "nextPageToken");
  } while (!token.empty());
  return tables;
}

absl::Status BigqueryCatalog::DropTable(const TableName& name) {
  Forget(name);
  return Call({"DELETE", TablePath(name), "", false}).status();
}

}  // namespace afluente::warehouse::bigquery
