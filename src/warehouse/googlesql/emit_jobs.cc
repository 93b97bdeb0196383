// INFORMATION_SCHEMA.JOBS: the jobs' durable records (warehouse/jobs/job.h, JobToJson), read when
// the statement runs.
#include "warehouse/googlesql/emitter.h"
#include "warehouse/googlesql/sql_error.h"
#include "warehouse/googlesql/text.h"

namespace afluente::warehouse::googlesql {
namespace {

struct JobColumn {
  std::string_view name;
  SqlType type;
  std::string sql;  // over j the record, c its configuration, s its statistics
};

std::string Text(std::string_view document, std::string_view path) {
  return Cat("json_extract_string(", document, ", '$.", path, "')");
}

std::string Number(std::string_view document, std::string_view path) {
  return Cat("CAST(", Text(document, path), " AS BIGINT)");
}

// Milliseconds since 1970; 0 is none.
std::string When(std::string_view path) {
  return Cat("CAST(make_timestamp(NULLIF(", Number("j", path),
             ", 0) * 1000) AS TIMESTAMP WITH TIME ZONE)");
}

const SqlType& TableType() {
  static const SqlType kType = SqlType::Struct({{"project_id", TypeCode::kString},
                                                {"dataset_id", TypeCode::kString},
                                                {"table_id", TypeCode::kString}});
  return kType;
}

const SqlType& ErrorType() {
  static const SqlType kType = SqlType::Struct({{"reason", TypeCode::kString},
                                                {"location", TypeCode::kString},
                                                {"debug_info", TypeCode::kString},
                                                {"message", TypeCode::kString}});
  return kType;
}

const SqlType& LabelType() {
  static const SqlType kType =
      SqlType::Struct({{"key", TypeCode::kString}, {"value", TypeCode::kString}});
  return kType;
}

// A table reference of BigQuery's REST API.
std::string Table(std::string_view document) {
  return Cat("{'project_id': ", Text(document, "projectId"),
             ", 'dataset_id': ", Text(document, "datasetId"),
             ", 'table_id': ", Text(document, "tableId"), "}");
}

std::string Or(std::string_view path, std::string_view otherwise) {
  return Cat("coalesce(json_extract(c, '$.", path, "'), json_extract(c, '$.", otherwise, "'))");
}

std::vector<JobColumn> Columns() {
  const std::string target = Cat("coalesce(", Or("query.destinationTable", "load.destinationTable"),
                                 ", json_extract(c, '$.copy.destinationTable'))");
  return {
      {"creation_time", TypeCode::kTimestamp, When("created")},
      {"project_id", TypeCode::kString, Text("j", "project")},
      {"user_email", TypeCode::kString, Cat("NULLIF(", Text("j", "user"), ", '')")},
      {"job_id", TypeCode::kString, Text("j", "id")},
      {"job_type", TypeCode::kString, Text("j", "kind")},
      {"statement_type", TypeCode::kString, Text("s", "query.statementType")},
      {"priority", TypeCode::kString,
       Cat("coalesce(", Text("c", "query.priority"), ", CASE WHEN ", Text("j", "kind"),
           " = 'QUERY' THEN 'INTERACTIVE' END)")},
      {"start_time", TypeCode::kTimestamp, When("started")},
      {"end_time", TypeCode::kTimestamp, When("ended")},
      {"query", TypeCode::kString, Text("c", "query.query")},
      {"state", TypeCode::kString, Text("j", "state")},
      {"total_bytes_processed", TypeCode::kInt64, Number("j", "bytes")},
      {"total_bytes_billed", TypeCode::kInt64, Number("s", "query.totalBytesBilled")},
      {"total_slot_ms", TypeCode::kInt64, Number("s", "query.totalSlotMs")},
      {"cache_hit", TypeCode::kBool, Cat("CAST(", Text("s", "query.cacheHit"), " AS BOOLEAN)")},
      {"error_result", ErrorType(),
       Cat("CASE WHEN json_extract(j, '$.error') IS NOT NULL THEN {'reason': ",
           Text("j", "error.reason"), ", 'location': NULLIF(", Text("j", "error.location"),
           ", ''), 'debug_info': CAST(NULL AS VARCHAR), 'message': ", Text("j", "error.message"),
           "} END")},
      {"destination_table", TableType(),
       Cat("CASE WHEN ", target, " IS NOT NULL THEN ", Table(target), " END")},
      {"referenced_tables", SqlType::Array(TableType()),
       Cat("list_transform(coalesce(CAST(json_extract(s, '$.query.referencedTables') AS JSON[]), "
           "[]), lambda t: ",
           Table("t"), ")")},
      {"labels", SqlType::Array(LabelType()),
       Cat("list_transform(coalesce(json_keys(c, '$.labels'), []), lambda k: {'key': k, 'value': "
           "json_extract_string(c, '$.labels.\"' || k || '\"')})")},
  };
}

// Of each job the newest record.
std::string Records(const std::string& project) {
  return Cat("(SELECT j, CAST(", Text("j", "configuration"),
             " AS JSON) AS c, CAST(coalesce(NULLIF(", Text("j", "statistics"),
             ", ''), '{}') AS JSON) AS s FROM (SELECT CAST(decode(value) AS JSON) AS j FROM "
             "(SELECT value FROM afluente_internal.records WHERE space = 'jobs' QUALIFY "
             "row_number() OVER (PARTITION BY key ORDER BY ordinal DESC) = 1) WHERE value IS NOT "
             "NULL) WHERE ",
             Text("j", "project"), " = ", QuoteText(project), ")");
}

}  // namespace

bool Emitter::IsJobsView(std::string_view name) {
  return SameName(name, "JOBS") || SameName(name, "JOBS_BY_PROJECT");
}

std::string Emitter::EmitJobs(const TableExpression& table, const std::vector<std::string>& path,
                              Scope* scope) {
  const std::string project = path.size() > 3 ? path[0] : options_.default_project;
  const std::string id = UniqueName("t");
  RangeVariable range;
  range.name = table.alias.empty() ? path.back() : table.alias;
  std::string items;
  for (const JobColumn& column : Columns()) {
    Append(&items, items.empty() ? "" : ", ", column.sql, " AS ", QuoteName(column.name));
    range.columns.push_back(
        {std::string(column.name), Cat(id, ".", QuoteName(column.name)), column.type});
  }
  translation_->deterministic = false;
  // As a table, so that doors can tell who may read it, also behind a view.
  translation_->tables_read.push_back({project, "INFORMATION_SCHEMA", "JOBS"});
  AddRange(std::move(range), scope, table.at);
  return Cat("(SELECT ", items, " FROM ", Records(project), ") AS ", id);
}

}  // namespace afluente::warehouse::googlesql
