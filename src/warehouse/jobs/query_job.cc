#include <utility>

#include "host/check.h"
#include "schema/text.h"
#include "warehouse/googlesql/positional.h"
#include "warehouse/jobs/job_configuration.h"
#include "warehouse/jobs/job_work.h"
#include "warehouse/jobs/json_fields.h"
#include "warehouse/jobs/query_parameters.h"
#include "warehouse/jobs/schema_resource.h"

namespace afluente::warehouse::jobs {
namespace {

using schema::Concat;

struct Query {
  json configuration;  // the job's
  Statement statement;
  std::vector<Parameter> parameters;
  std::string type;  // BigQuery's statementType
  QueryLimits limits;
};

absl::StatusOr<Query> ParseQuery(const Job& job) {
  Query query;
  query.configuration = ParseJson(job.configuration);
  const json& in = ObjectOf(query.configuration, "query");
  AFLUENTE_RETURN_IF_ERROR(CheckQueryConfiguration(in));
  AFLUENTE_ASSIGN_OR_RETURN(BoundQuery bound,
                            BindQuery(TextOf(in, "query"), ObjectOrArray(in, "queryParameters"),
                                      TextOf(in, "parameterMode")));
  query.statement.text = std::move(bound.text);
  query.parameters = std::move(bound.parameters);
  const json& dataset = ObjectOf(in, "defaultDataset");
  query.statement.default_project = TextOf(dataset, "projectId", job.project);
  query.statement.default_dataset = TextOf(dataset, "datasetId");
  query.type = googlesql::StatementType(query.statement.text);
  if (const auto timeout = IntOf(query.configuration, "jobTimeoutMs"); timeout && *timeout > 0) {
    query.limits.timeout = std::chrono::milliseconds(*timeout);
  }
  return query;
}

bool HasDestination(const Query& query) {
  const json& in = ObjectOf(query.configuration, "query");
  return Member(in, "destinationTable") != nullptr &&
         TextOf(ObjectOf(in, "destinationTable"), "datasetId") != kResultDataset;
}

bool IsDml(const std::string& type) {
  return type == "INSERT" || type == "UPDATE" || type == "DELETE" || type == "MERGE" ||
         type == "TRUNCATE_TABLE";
}

json DmlStats(const std::string& type, int64_t affected) {
  const std::string rows = std::to_string(affected);
  if (type == "INSERT") return {{"insertedRowCount", rows}};
  if (type == "UPDATE") return {{"updatedRowCount", rows}};
  if (type == "DELETE" || type == "TRUNCATE_TABLE") return {{"deletedRowCount", rows}};
  return json::object();
}

// Members of statistics.query that are known before it runs.
json FirstStatistics(const JobPorts& ports, const Query& query, const StatementFacts& facts) {
  json out = {{"statementType", query.type},
              {"cacheHit", false},
              {"totalBytesBilled", "0"},
              {"totalSlotMs", "0"}};
  out["totalBytesProcessed"] = std::to_string(ports.sizes.BytesOf(facts.tables_read));
  for (const TableName& name : facts.tables_read) {
    out["referencedTables"].push_back(TableNameToJson(name));
  }
  return out;
}

void SetQueryStatistics(Job& job, const json& query) {
  json out = {{"query", query}};
  job.bytes_processed = IntOf(query, "totalBytesProcessed").value_or(0);
  out["totalBytesProcessed"] = std::to_string(job.bytes_processed);
  job.statistics = Dump(out);
}

// What DDL did to its table, told from whether it was there before.
json DdlStatistics(const Query& query, const StatementFacts& facts, const Catalog& catalog) {
  json out = json::object();
  if (facts.tables_written.empty()) {
    out["ddlOperationPerformed"] = "SKIP";
    return out;
  }
  const TableName& target = facts.tables_written[0];
  const bool creates = query.type.starts_with("CREATE");
  const bool existed = catalog.FindTable(target).has_value();
  out["ddlOperationPerformed"] = query.type.starts_with("DROP")    ? "DROP"
                                 : query.type.starts_with("ALTER") ? "ALTER"
                                 : creates && existed              ? "REPLACE"
                                                                   : "CREATE";
  if (target.table.empty()) {
    out["ddlTargetDataset"] = {{"projectId", target.project}, {"datasetId", target.dataset}};
  } else {
    out["ddlTargetTable"] = TableNameToJson(target);
  }
  return out;
}

absl::Status CheckBytes(const Query& query, const json& statistics) {
  const auto most = IntOf(ObjectOf(query.configuration, "query"), "maximumBytesBilled");
  const int64_t bytes = IntOf(statistics, "totalBytesProcessed").value_or(0);
  if (!most || *most <= 0 || bytes <= *most) return absl::OkStatus();
  return absl::InvalidArgumentError(Concat("Query exceeded limit for bytes billed: ", *most, ". ",
                                           bytes, " or higher required."));
}

absl::Status RunSelect(const JobPorts& ports, const Query& query, JobRun& run) {
  AFLUENTE_ASSIGN_OR_RETURN(std::unique_ptr<ResultStream> stream,
                            ports.warehouse.Query(query.statement, query.parameters, query.limits));
  run.job.affected_rows = stream->affected_rows();
  if (stream->columns().empty()) return absl::OkStatus();  // a script that ended with DML or DDL
  const std::string name = ResultTableOf(run.job);
  AFLUENTE_RETURN_IF_ERROR(ports.results.Keep(name, *stream).status());
  run.job.result_table = name;
  return absl::OkStatus();
}

absl::Status RunIntoTable(const JobPorts& ports, const Query& query, const StatementFacts& facts,
                          JobRun& run) {
  AFLUENTE_ASSIGN_OR_RETURN(Destination destination,
                            DestinationOf(ObjectOf(query.configuration, "query"), run.job.project,
                                          Destination::Write::kEmpty));
  TableCommit commit;
  AFLUENTE_RETURN_IF_ERROR(PlanDestination(ports.catalog, destination, facts.columns, commit));
  commit.tables[0].query = {query.statement, query.parameters};
  commit.limits = query.limits;
  commit.records.push_back(EndedRecord(ports.clock, run.job));
  AFLUENTE_RETURN_IF_ERROR(ports.writer.Commit(std::move(commit)).status());
  run.recorded = true;
  return absl::OkStatus();
}

absl::Status RunMutation(const JobPorts& ports, const Query& query, json statistics, JobRun& run) {
  auto ended = [&](std::optional<int64_t> affected) {
    run.job.affected_rows = affected;
    if (affected) {
      statistics["numDmlAffectedRows"] = std::to_string(*affected);
      statistics["dmlStats"] = DmlStats(query.type, *affected);
    }
    SetQueryStatistics(run.job, statistics);
    return std::vector<RecordChange>{EndedRecord(ports.clock, run.job)};
  };
  AFLUENTE_RETURN_IF_ERROR(
      ports.writer.Run(query.statement, query.parameters, query.limits, ended).status());
  run.recorded = true;
  return absl::OkStatus();
}

}  // namespace

std::string ResultTableOf(const Job& job) { return Concat("anon_", job.project, "_", job.id); }

absl::Status DescribeQueryJob(const JobPorts& ports, Job& job) {
  AFLUENTE_ASSIGN_OR_RETURN(Query query, ParseQuery(job));
  if (query.type == "SCRIPT") {
    SetQueryStatistics(job, {{"statementType", query.type}, {"totalBytesProcessed", "0"}});
    return absl::UnimplementedError("A dry run of a script is not supported");
  }
  AFLUENTE_ASSIGN_OR_RETURN(const StatementFacts facts,
                            ports.warehouse.Describe(query.statement, query.parameters));
  json statistics = FirstStatistics(ports, query, facts);
  statistics["totalBytesProcessedAccuracy"] = "UPPER_BOUND";
  if (facts.query) {
    statistics["schema"] = ColumnsToJson(facts.columns);
  } else if (!IsDml(query.type)) {
    statistics.update(DdlStatistics(query, facts, ports.catalog));
  }
  SetQueryStatistics(job, statistics);
  return absl::OkStatus();
}

absl::Status RunQueryJob(const JobPorts& ports, JobRun& run) {
  AFLUENTE_ASSIGN_OR_RETURN(Query query, ParseQuery(run.job));
  query.limits.cancellation = run.cancellation;
  if (query.type == "SCRIPT") {
    SetQueryStatistics(run.job, {{"statementType", query.type}});
    return RunSelect(ports, query, run);
  }
  const bool limited =
      IntOf(ObjectOf(query.configuration, "query"), "maximumBytesBilled").value_or(0) > 0;
  const bool plain = query.type == "SELECT" && !HasDestination(query);
  if (plain && !limited) {
    json statistics = {{"statementType", query.type}, {"cacheHit", false}};
    SetQueryStatistics(run.job, statistics);
    return RunSelect(ports, query, run);
  }
  AFLUENTE_ASSIGN_OR_RETURN(const StatementFacts facts,
                            ports.warehouse.Describe(query.statement, query.parameters));
  json statistics = FirstStatistics(ports, query, facts);
  AFLUENTE_RETURN_IF_ERROR(CheckBytes(query, statistics));
  if (query.type == "SELECT") {
    SetQueryStatistics(run.job, statistics);
    return plain ? RunSelect(ports, query, run) : RunIntoTable(ports, query, facts, run);
  }
  if (!IsDml(query.type)) statistics.update(DdlStatistics(query, facts, ports.catalog));
  return RunMutation(ports, query, std::move(statistics), run);
}

}  // namespace afluente::warehouse::jobs
