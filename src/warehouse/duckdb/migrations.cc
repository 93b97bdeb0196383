#include "warehouse/duckdb/migrations.h"

#include <iterator>

#include "host/check.h"
#include "schema/text.h"
#include "telemetry/log.h"
#include "warehouse/duckdb/live_catalog.h"
#include "warehouse/duckdb/logical_type.h"
#include "warehouse/duckdb/schema_json.h"

namespace afluente::warehouse::duckdb {
namespace {

// Format 1 knew tables partitioned by ingestion and did not keep when a row came. Of the rows that
// are there nobody knows it any more: they count as of the day of the upgrade.
absl::Status AddPartitionTimes(Session& session) {
  AFLUENTE_ASSIGN_OR_RETURN(
      const ColumnBatch tables,
      session.Read("SELECT t.project, t.dataset, t.name, t.definition FROM "
                   "afluente_internal.tables AS t WHERE NOT EXISTS (SELECT 1 FROM duckdb_columns() "
                   "AS c WHERE c.database_name = current_database() AND c.schema_name = "
                   "t.project || '.' || t.dataset AND c.table_name = t.name AND "
                   "c.column_name = '_PARTITIONTIME')"));
  AFLUENTE_ASSIGN_OR_RETURN(const ColumnBatch day,
                            session.Read("SELECT CAST(date_trunc('day', now()) AS VARCHAR)"));
  for (size_t i = 0; i < tables.rows; ++i) {
    const auto text = [&](size_t column) { return std::string(tables.columns[column].Bytes(i)); };
    AFLUENTE_ASSIGN_OR_RETURN(const TableEntry entry,
                              EntryFromJson({text(0), text(1), text(2)}, text(3)));
    if (entry.view || !IngestionPartitioned(entry.schema)) continue;
    // Twice a default: DuckDB adds a column in one statement only with a constant one.
    const std::string table = schema::Concat("ALTER TABLE ", TableSql(entry.schema.name));
    const std::string column = QuoteIdentifier(kPartitionTime);
    AFLUENTE_RETURN_IF_ERROR(session.Execute(schema::Concat(table, " ADD COLUMN ", column,
                                                            " TIMESTAMP WITH TIME ZONE DEFAULT '",
                                                            day.columns[0].Bytes(0), "'")));
    AFLUENTE_RETURN_IF_ERROR(session.Execute(
        schema::Concat(table, " ALTER COLUMN ", column, " SET DEFAULT date_trunc('day', now())")));
  }
  return absl::OkStatus();
}

// kSteps[i] brings format i + 1 to i + 2.
constexpr absl::Status (*kSteps[])(Session&) = {AddPartitionTimes};
static_assert(std::size(kSteps) == kFormat - 1);

absl::Status Step(Session& session, int64_t from) {
  AFLUENTE_RETURN_IF_ERROR(kSteps[from - 1](session));
  Arguments arguments;
  arguments.push_back(IntegerArgument(from + 1));
  return session.Execute("UPDATE afluente_internal.settings SET value = $1 WHERE name = 'format'",
                         arguments);
}

}  // namespace

absl::StatusOr<int64_t> ReadSetting(Session& session, std::string_view name) {
  Arguments arguments;
  arguments.push_back(TextArgument(name));
  AFLUENTE_ASSIGN_OR_RETURN(
      const ColumnBatch value,
      session.Read("SELECT value FROM afluente_internal.settings WHERE name = $1", arguments));
  if (value.rows != 1) return absl::DataLossError("the warehouse's settings are damaged");
  return value.columns[0].ints[0];
}

absl::Status Migrate(Session& session) {
  AFLUENTE_ASSIGN_OR_RETURN(int64_t format, ReadSetting(session, "format"));
  if (format > kFormat || format < 1) {
    return absl::FailedPreconditionError(
        schema::Concat("the warehouse has format ", format, ", this program reads up to ", kFormat,
                       ": use the version of afluente that wrote it"));
  }
  for (; format < kFormat; ++format) {
    AFLUENTE_RETURN_IF_ERROR(session.Execute("BEGIN TRANSACTION"));
    absl::Status status = Step(session, format);
    if (status.ok()) status = session.Execute("COMMIT");
    if (!status.ok()) {
      session.Execute("ROLLBACK").IgnoreError();
      return status;
    }
    telemetry::Log(telemetry::Severity::kInfo, "the warehouse was brought to a newer format",
                   {{"format", schema::Concat(format + 1)}});
  }
  return absl::OkStatus();
}

}  // namespace afluente::warehouse::duckdb
