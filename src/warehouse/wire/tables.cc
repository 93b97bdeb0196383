#include <algorithm>

#include "host/check.h"
#include "schema/text.h"
#include "warehouse/jobs/job_configuration.h"
#include "warehouse/jobs/job_runner.h"
#include "warehouse/jobs/job_work.h"
#include "warehouse/jobs/schema_resource.h"
#include "warehouse/wire/context.h"

namespace afluente::warehouse::wire {
namespace {

using jobs::Member;
using schema::Concat;

TableName NameOf(const Call& call) {
  return {call.Path("projectId"), call.Path("datasetId"), call.Path("tableId")};
}

absl::Status Missing(const TableName& name) {
  return absl::NotFoundError(
      Concat("Not found: Table ", name.project, ":", name.dataset, ".", name.table));
}

json Summary(const TableSchema& table) {
  const TableName& name = table.name;
  json out = {{"kind", "bigquery#table"},
              {"id", Concat(name.project, ":", name.dataset, ".", name.table)},
              {"tableReference", jobs::TableNameToJson(name)},
              {"type", table.view_query.empty() ? "TABLE" : "VIEW"},
              {"creationTime", std::to_string(table.created_ms)}};
  jobs::LayoutToJson(table, out);
  if (!table.view_query.empty()) {
    out["view"] = {{"query", table.view_query}, {"useLegacySql", false}};
  }
  if (!table.properties) return out;
  const TableProperties& properties = *table.properties;
  if (!properties.friendly_name.empty()) out["friendlyName"] = properties.friendly_name;
  if (!properties.labels.empty()) out["labels"] = jobs::LabelsToJson(properties.labels);
  if (properties.expires_ms) out["expirationTime"] = std::to_string(*properties.expires_ms);
  return out;
}

// Its tag is of the definition and of the rows' version.
json Resource(Context& context, const TableSchema& table) {
  json out = Summary(table);
  out["location"] = "US";
  const auto dataset = context.catalog.FindDataset(table.name.project, table.name.dataset);
  if (dataset) out["location"] = dataset->location;
  out["schema"] = jobs::ColumnsToJson(table.columns);
  if (!table.description.empty()) out["description"] = table.description;
  out["lastModifiedTime"] = std::to_string(table.modified_ms);
  json tagged = out;
  if (auto versions = context.warehouse.Versions({table.name}); versions.ok()) {
    tagged["version"] = (*versions)[0].version;
  }
  out["etag"] = TagOf(tagged);
  if (!table.view_query.empty()) return out;
  if (auto size = context.runner.ports().sizes.Of(table.name); size.ok()) {
    out["numRows"] = std::to_string(size->rows);
    out["numBytes"] = std::to_string(size->bytes);
    out["numTotalLogicalBytes"] = out["numBytes"];
    out["numLongTermBytes"] = "0";
  }
  return out;
}

absl::StatusOr<Answer> Found(Context& context, const TableName& name) {
  const std::optional<TableSchema> table = context.catalog.FindTable(name);
  if (!table) return Missing(name);
  Answer answer;
  answer.body = Resource(context, *table);
  answer.etag = answer.body["etag"].get<std::string>();
  return answer;
}

absl::Status RefuseUnsupported(const json& body) {
  for (const char* key :
       {"externalDataConfiguration", "materializedView", "snapshotDefinition", "cloneDefinition",
        "encryptionConfiguration", "tableConstraints", "defaultCollation", "resourceTags",
        "biglakeConfiguration", "maxStaleness"}) {
    const json* given = Member(body, key);
    const bool set = given != nullptr && *given != "" && !given->empty();
    if (set) return absl::UnimplementedError(Concat(key, " of a table is not supported"));
  }
  const json& view = jobs::ObjectOf(body, "view");
  if (jobs::BoolOf(view, "useLegacySql") && !jobs::TextOf(view, "query").empty()) {
    return absl::UnimplementedError(
        "Legacy SQL is not supported: set view.useLegacySql to false for GoogleSQL");
  }
  const json* functions = Member(view, "userDefinedFunctionResources");
  if (functions != nullptr && !functions->empty()) {
    return absl::UnimplementedError("userDefinedFunctionResources of a view is not supported");
  }
  return absl::OkStatus();
}

absl::Status ApplyProperties(const json& body, bool whole, TableSchema& table) {
  if (!table.properties) table.properties.emplace();
  TableProperties& properties = *table.properties;
  auto given = [&](const char* key) { return whole || body.contains(key); };
  if (given("friendlyName")) properties.friendly_name = jobs::TextOf(body, "friendlyName");
  if (given("description")) table.description = jobs::TextOf(body, "description");
  if (given("expirationTime")) properties.expires_ms = jobs::IntOf(body, "expirationTime");
  if (whole) properties.labels.clear();
  if (const json* labels = Member(body, "labels")) {
    AFLUENTE_RETURN_IF_ERROR(jobs::LabelsFromJson(*labels).status());
    json merged = jobs::LabelsToJson(properties.labels);
    merged.merge_patch(*labels);
    AFLUENTE_ASSIGN_OR_RETURN(properties.labels, jobs::LabelsFromJson(merged));
  }
  return absl::OkStatus();
}

// Members that are given; `whole` takes those that are not as empty.
absl::Status Apply(const json& body, bool whole, TableSchema& table) {
  AFLUENTE_RETURN_IF_ERROR(RefuseUnsupported(body));
  AFLUENTE_RETURN_IF_ERROR(ApplyProperties(body, whole, table));
  AFLUENTE_RETURN_IF_ERROR(jobs::LayoutFromJson(body, table));
  if (const std::string query = jobs::TextOf(jobs::ObjectOf(body, "view"), "query");
      !query.empty()) {
    table.view_query = query;
  }
  if (const json* given = Member(body, "schema")) {
    AFLUENTE_ASSIGN_OR_RETURN(std::vector<schema::Column> columns, jobs::ColumnsFromJson(*given));
    if (!columns.empty()) table.columns = std::move(columns);
  }
  return absl::OkStatus();
}

absl::Status Define(Context& context, TableSchema table, TableDefinition::Mode mode) {
  TableCommit commit;
  commit.definitions.push_back({std::move(table), mode});
  return context.writer.Commit(std::move(commit)).status();
}

absl::StatusOr<Answer> Change(Context& context, Call& call, bool whole) {
  const TableName name = NameOf(call);
  if (call.QueryFlag("autodetect_schema"))
    return absl::UnimplementedError("autodetect_schema is not supported: give the table's fields");
  AFLUENTE_RETURN_IF_ERROR(CheckUse(context, call, Use::kWrite, name.dataset));
  std::optional<TableSchema> table = context.catalog.FindTable(name);
  if (!table) return Missing(name);
  const std::string* match = call.request.headers.Find("If-Match");
  AFLUENTE_ASSIGN_OR_RETURN(const Answer before, Found(context, name));
  if (match != nullptr && *match != "*" && match->find(before.etag) == std::string::npos) {
    return WithReason(absl::FailedPreconditionError("Precondition Failed"), "conditionNotMet");
  }
  AFLUENTE_RETURN_IF_ERROR(Apply(call.body, whole, *table));
  AFLUENTE_RETURN_IF_ERROR(Define(context, *table, TableDefinition::Mode::kEnsure));
  return Found(context, name);
}

}  // namespace

absl::StatusOr<Answer> TablesInsert(Context& context, Call& call) {
  json reference = jobs::ObjectOf(call.body, "tableReference");
  if (!reference.contains("datasetId")) reference["datasetId"] = call.Path("datasetId");
  TableSchema table;
  AFLUENTE_ASSIGN_OR_RETURN(table.name, jobs::TableNameFromJson(reference, call.Path("projectId")));
  AFLUENTE_RETURN_IF_ERROR(CheckUse(context, call, Use::kWrite, table.name.dataset));
  const auto dataset = context.catalog.FindDataset(table.name.project, table.name.dataset);
  if (!dataset) {
    return absl::NotFoundError(
        Concat("Not found: Dataset ", table.name.project, ":", table.name.dataset));
  }
  AFLUENTE_RETURN_IF_ERROR(Apply(call.body, true, table));
  if (dataset->default_table_expiration_ms && !table.properties->expires_ms) {
    table.properties->expires_ms =
        jobs::NowMs(context.clock) + *dataset->default_table_expiration_ms;
  }
  if (table.columns.empty() && table.view_query.empty()) {
    return absl::UnimplementedError("a table without a schema is not supported: give its fields");
  }
  AFLUENTE_RETURN_IF_ERROR(Define(context, table, TableDefinition::Mode::kCreate));
  return Found(context, table.name);
}

absl::StatusOr<Answer> TablesGet(Context& context, Call& call) {
  const TableName name = NameOf(call);
  if (name.dataset == jobs::kResultDataset) {
    AFLUENTE_RETURN_IF_ERROR(CheckResult(context, call, name));
    const auto result = context.runner.ports().results.Find(name.table);
    if (result == nullptr) return Missing(name);
    Answer answer;
    answer.body = {{"kind", "bigquery#table"},
                   {"id", Concat(name.project, ":", name.dataset, ".", name.table)},
                   {"tableReference", jobs::TableNameToJson(name)},
                   {"type", "TABLE"},
                   {"schema", jobs::ColumnsToJson(result->columns())},
                   {"numRows", std::to_string(result->rows())},
                   {"numBytes", std::to_string(result->bytes())}};
    return answer;
  }
  AFLUENTE_RETURN_IF_ERROR(CheckUse(context, call, Use::kRead, name.dataset));
  return Found(context, name);
}

absl::StatusOr<Answer> TablesList(Context& context, Call& call) {
  const std::string& dataset = call.Path("datasetId");
  AFLUENTE_RETURN_IF_ERROR(CheckUse(context, call, Use::kRead, dataset));
  AFLUENTE_ASSIGN_OR_RETURN(const Page page, PageOf(call));
  AFLUENTE_ASSIGN_OR_RETURN(const std::vector<TableSchema> tables,
                            context.catalog.ListTables(call.Path("projectId"), dataset));
  Answer answer;
  answer.body = {{"kind", "bigquery#tableList"}, {"totalItems", tables.size()}};
  for (uint64_t i = page.start; i < tables.size(); ++i) {
    if (i - page.start >= page.rows_max) {
      answer.body["nextPageToken"] = PageToken(i);
      break;
    }
    answer.body["tables"].push_back(Summary(tables[i]));
  }
  answer.body["etag"] = TagOf(answer.body);
  return answer;
}

absl::StatusOr<Answer> TablesPatch(Context& context, Call& call) {
  return Change(context, call, false);
}

absl::StatusOr<Answer> TablesUpdate(Context& context, Call& call) {
  return Change(context, call, true);
}

absl::StatusOr<Answer> TablesDelete(Context& context, Call& call) {
  const TableName name = NameOf(call);
  if (name.dataset == jobs::kResultDataset) {
    AFLUENTE_RETURN_IF_ERROR(CheckResult(context, call, name));
    context.runner.ports().results.Remove(name.table);
  } else {
    AFLUENTE_RETURN_IF_ERROR(CheckUse(context, call, Use::kWrite, name.dataset));
    if (!context.catalog.FindTable(name)) return Missing(name);
    AFLUENTE_RETURN_IF_ERROR(context.catalog.DropTable(name));
  }
  Answer answer;
  answer.status = 204;
  return answer;
}

}  // namespace afluente::warehouse::wire
