#include <utility>

#include "host/check.h"
#include "schema/text.h"
#include "warehouse/jobs/job_configuration.h"
#include "warehouse/jobs/job_work.h"
#include "warehouse/jobs/json_fields.h"
#include "warehouse/jobs/schema_resource.h"

namespace afluente::warehouse::jobs {
namespace {

using schema::Concat;

absl::StatusOr<std::vector<TableName>> SourcesOf(const json& copy, const std::string& project) {
  std::vector<TableName> sources;
  for (const json& source : ObjectOrArray(copy, "sourceTables")) {
    AFLUENTE_ASSIGN_OR_RETURN(TableName name, TableNameFromJson(source, project));
    sources.push_back(std::move(name));
  }
  if (sources.empty()) {
    AFLUENTE_ASSIGN_OR_RETURN(TableName name,
                              TableNameFromJson(ObjectOf(copy, "sourceTable"), project));
    sources.push_back(std::move(name));
  }
  return sources;
}

}  // namespace

absl::Status RunCopyJob(const JobPorts& ports, JobRun& run) {
  const json configuration = ParseJson(run.job.configuration);
  const json& copy = ObjectOf(configuration, "copy");
  const std::string operation = TextOf(copy, "operationType", "COPY");
  if (operation != "COPY" && operation != "OPERATION_TYPE_UNSPECIFIED") {
    return absl::UnimplementedError(
        Concat("operationType ", operation, " of a copy is not supported"));
  }
  AFLUENTE_ASSIGN_OR_RETURN(const std::vector<TableName> sources, SourcesOf(copy, run.job.project));
  AFLUENTE_ASSIGN_OR_RETURN(Destination destination,
                            DestinationOf(copy, run.job.project, Destination::Write::kEmpty));
  TableCommit commit;
  commit.limits.cancellation = run.cancellation;
  for (const TableName& source : sources) {
    const std::optional<TableSchema> table = ports.catalog.FindTable(source);
    if (!table) {
      return absl::NotFoundError(
          Concat("Not found: Table ", source.project, ":", source.dataset, ".", source.table));
    }
    if (!table->view_query.empty()) {
      return absl::InvalidArgumentError(Concat("Cannot copy a view: ", source.ToString()));
    }
    if (commit.tables.empty()) {
      if (destination.table.partitioning.unit == PartitionUnit::kNone) {
        destination.table.partitioning = table->partitioning;
        destination.table.clustering = table->clustering;
      }
      destination.table.description = table->description;
      AFLUENTE_RETURN_IF_ERROR(PlanDestination(ports.catalog, destination, table->columns, commit));
    } else {
      commit.tables.emplace_back();
      commit.tables.back().table = destination.table.name;
    }
    commit.tables.back().query = SourceQuery{
        {Concat("SELECT * FROM `", source.project, ".", source.dataset, ".", source.table, "`"),
         source.project, ""},
        {}};
  }
  run.job.statistics = Dump({{"copy", json::object()}});
  commit.records.push_back(EndedRecord(ports.clock, run.job));
  AFLUENTE_RETURN_IF_ERROR(ports.writer.Commit(std::move(commit)).status());
  run.recorded = true;
  return absl::OkStatus();
}

absl::Status RunExtractJob(const JobPorts&, JobRun& run) {
  const json configuration = ParseJson(run.job.configuration);
  const json& extract = ObjectOf(configuration, "extract");
  std::string uri = TextOf(extract, "destinationUri");
  for (const json& each : ObjectOrArray(extract, "destinationUris")) {
    if (each.is_string()) uri = each.get<std::string>();
  }
  return absl::UnimplementedError(
      Concat("extract to ", uri.empty() ? "(no URI)" : uri.substr(0, 200),
             " is not supported: there is no bucket here, and clients may not name files of the "
             "server; read the rows, or `afluente query` them"));
}

}  // namespace afluente::warehouse::jobs
