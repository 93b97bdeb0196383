#include "warehouse/jobs/table_sizes.h"

#include "host/check.h"
#include "schema/text.h"

namespace afluente::warehouse::jobs {
namespace {

using schema::Concat;
using schema::TypeKind;

constexpr size_t kEntriesMax = 10'000;
constexpr int64_t kSampledRows = 20'000;

// "BigQuery pricing: data size calculation": bytes of a value that all have; 0 where they differ.
int64_t FixedBytes(TypeKind kind) {
  switch (kind) {
    case TypeKind::kBool:
      return 1;
    case TypeKind::kInt64:
    case TypeKind::kFloat64:
    case TypeKind::kDate:
    case TypeKind::kDatetime:
    case TypeKind::kTime:
    case TypeKind::kTimestamp:
      return 8;
    case TypeKind::kNumeric:
      return 16;
    case TypeKind::kBigNumeric:
      return 32;
    default:
      return 0;
  }
}

std::string BytesSql(const schema::Column& column) {
  const std::string name = Concat("`", column.name, "`");
  const int64_t fixed = FixedBytes(column.type.kind);
  if (fixed > 0) return Concat("COUNT(", name, ") * ", fixed);
  const bool text = column.type.kind == TypeKind::kString || column.type.kind == TypeKind::kBytes;
  if (text) return Concat("IFNULL(SUM(BYTE_LENGTH(", name, ") + 2), 0)");
  return Concat("IFNULL(SUM(BYTE_LENGTH(TO_JSON_STRING(", name, "))), 0)");
}

}  // namespace

absl::StatusOr<TableSize> TableSizes::Measure(const TableSchema& table) {
  const std::string quoted =
      Concat("`", table.name.project, ".", table.name.dataset, ".", table.name.table, "`");
  std::string bytes;
  for (const schema::Column& column : table.columns) {
    bytes += Concat(bytes.empty() ? "" : " + ", BytesSql(column));
  }
  const std::string sql =
      Concat("SELECT (SELECT COUNT(*) FROM ", quoted, ") AS all_rows, COUNT(*) AS rows_read, ",
             bytes, " AS bytes FROM (SELECT * FROM ", quoted, " LIMIT ", kSampledRows, ")");
  AFLUENTE_ASSIGN_OR_RETURN(std::unique_ptr<ResultStream> stream,
                            warehouse_.Query({sql, table.name.project, ""}, {}, {}));
  AFLUENTE_ASSIGN_OR_RETURN(const ColumnBatch batch, stream->Next());
  if (batch.rows != 1) return absl::InternalError("no size");
  TableSize size;
  size.rows = batch.columns[0].ints[0];
  const int64_t read = batch.columns[1].ints[0];
  size.bytes = batch.columns[2].ints[0];
  if (read > 0 && read < size.rows) {
    size.bytes = static_cast<int64_t>(static_cast<double>(size.bytes) / static_cast<double>(read) *
                                      static_cast<double>(size.rows));
  }
  return size;
}

absl::StatusOr<TableSize> TableSizes::Of(const TableName& name) {
  const std::optional<TableSchema> table = catalog_.FindTable(name);
  if (!table) return absl::NotFoundError(Concat("Not found: Table ", name.ToString()));
  if (!table->view_query.empty()) return TableSize();
  AFLUENTE_ASSIGN_OR_RETURN(const std::vector<TableVersion> versions, warehouse_.Versions({name}));
  {
    absl::MutexLock lock(&mutex_);
    auto found = entries_.find(name);
    if (found != entries_.end() && found->second.version == versions[0].version) {
      return found->second.size;
    }
  }
  AFLUENTE_ASSIGN_OR_RETURN(const TableSize size, Measure(*table));
  absl::MutexLock lock(&mutex_);
  if (entries_.size() >= kEntriesMax) entries_.clear();
  entries_[name] = {versions[0].version, size};
  return size;
}

int64_t TableSizes::BytesOf(const std::vector<TableName>& names) {
  int64_t bytes = 0;
  for (const TableName& name : names) {
    if (auto size = Of(name); size.ok()) bytes += size->bytes;
  }
  return bytes;
}

}  // namespace afluente::warehouse::jobs
