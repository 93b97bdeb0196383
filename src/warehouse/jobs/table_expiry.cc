#include "warehouse/jobs/table_expiry.h"

#include <chrono>

#include "host/check.h"
#include "schema/text.h"
#include "telemetry/log.h"

namespace afluente::warehouse::jobs {
namespace {

using schema::Concat;

constexpr absl::Duration kEvery = absl::Seconds(30);

std::string_view UnitName(PartitionUnit unit) {
  switch (unit) {
    case PartitionUnit::kHour:
      return "HOUR";
    case PartitionUnit::kDay:
      return "DAY";
    case PartitionUnit::kMonth:
      return "MONTH";
    case PartitionUnit::kYear:
      return "YEAR";
    case PartitionUnit::kNone:
    case PartitionUnit::kRange:
      break;
  }
  return "";
}

schema::TypeKind KindOfField(const TableSchema& table) {
  for (const schema::Column& column : table.columns) {
    if (schema::EqualsIgnoreCase(column.name, table.partitioning.field)) return column.type.kind;
  }
  return schema::TypeKind::kTimestamp;  // the time of storing
}

std::string Quoted(const TableName& name) { return Concat("`", name.ToString(), "`"); }

}  // namespace

std::string InExpiredPartition(const TableSchema& table) {
  const std::string_view unit = UnitName(table.partitioning.unit);
  if (unit.empty()) return "";
  const std::string field = table.partitioning.field.empty()
                                ? std::string(kPartitionTime)
                                : Concat("`", table.partitioning.field, "`");
  // The first partition that has not expired begins here.
  const std::string first =
      Concat("DATETIME_ADD(DATETIME_TRUNC(DATETIME(@expired), ", unit, "), INTERVAL 1 ", unit, ")");
  switch (KindOfField(table)) {
    case schema::TypeKind::kDate:
      return Concat(field, " < DATE(", first, ")");
    case schema::TypeKind::kDatetime:
      return Concat(field, " < ", first);
    default:
      return Concat(field, " < TIMESTAMP(", first, ")");
  }
}

TableExpiry::TableExpiry(Warehouse& warehouse, Catalog& catalog, const host::Clock& clock)
    : warehouse_(warehouse), catalog_(catalog), clock_(clock) {
  thread_ = std::thread([this] { Loop(); });
}

TableExpiry::~TableExpiry() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    changed_.SignalAll();
  }
  thread_.join();
}

void TableExpiry::DropTables(int64_t now_ms) {
  for (const TableName& name : catalog_.ExpiredTables(now_ms)) {
    const absl::Status dropped = catalog_.DropTable(name);
    telemetry::Log(telemetry::Severity::kInfo, "a table expired",
                   {{"table", name.ToString()}, {"result", dropped.ToString()}});
  }
}

absl::StatusOr<std::unique_ptr<ResultStream>> TableExpiry::Run(const std::string& sql,
                                                               int64_t expired_ms) {
  Parameter expired;
  expired.name = "expired";
  expired.type.kind = schema::TypeKind::kTimestamp;
  expired.value = schema::Value(expired_ms * 1'000);
  return warehouse_.Query({sql, "", ""}, {expired}, {});
}

absl::Status TableExpiry::DeletePartitions(const TableSchema& table, int64_t now_ms) {
  const std::string condition = InExpiredPartition(table);
  if (condition.empty()) return absl::OkStatus();
  const int64_t expired_ms = now_ms - *table.properties->partition_expiration_ms;
  const std::string from = Concat(" FROM ", Quoted(table.name), " WHERE ", condition);
  // Deleting nothing would still give the table a new version.
  AFLUENTE_ASSIGN_OR_RETURN(const auto any, Run(Concat("SELECT 1", from, " LIMIT 1"), expired_ms));
  AFLUENTE_ASSIGN_OR_RETURN(const ColumnBatch found, any->Next());
  if (found.rows == 0) return absl::OkStatus();
  AFLUENTE_ASSIGN_OR_RETURN(const auto deleted, Run(Concat("DELETE", from), expired_ms));
  telemetry::Log(telemetry::Severity::kInfo, "partitions expired",
                 {{"table", table.name.ToString()},
                  {"rows", std::to_string(deleted->affected_rows().value_or(0))}});
  return absl::OkStatus();
}

void TableExpiry::DropExpired() {
  const int64_t now_ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(clock_.Now().time_since_epoch())
          .count();
  DropTables(now_ms);
  for (const TableSchema& table : catalog_.TablesOfExpiringPartitions()) {
    const absl::Status deleted = DeletePartitions(table, now_ms);
    // A table that was dropped meanwhile has no partitions either.
    if (deleted.ok() || absl::IsNotFound(deleted)) continue;
    telemetry::Log(telemetry::Severity::kWarning, "expired partitions stay until the next round",
                   {{"table", table.name.ToString()}, {"error", deleted.ToString()}});
  }
}

void TableExpiry::Loop() {
  while (true) {
    {
      absl::MutexLock lock(&mutex_);
      if (!stopping_) changed_.WaitWithTimeout(&mutex_, kEvery);
      if (stopping_) return;
    }
    DropExpired();
  }
}

}  // namespace afluente::warehouse::jobs
