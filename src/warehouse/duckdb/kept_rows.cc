#include "warehouse/duckdb/kept_rows.h"

#include <utility>

#include "host/check.h"

namespace afluente::warehouse::duckdb {
namespace {

constexpr size_t kBytesMax = size_t{64} << 20;

class Kept final : public ResultStream {
 public:
  Kept(std::vector<schema::Column> columns, std::vector<ColumnBatch> batches)
      : columns_(std::move(columns)), batches_(std::move(batches)) {}
  const std::vector<schema::Column>& columns() const override { return columns_; }
  absl::StatusOr<ColumnBatch> Next() override {
    if (next_ == batches_.size()) return ColumnBatch();
    return std::move(batches_[next_++]);
  }
  std::optional<int64_t> affected_rows() const override { return std::nullopt; }

 private:
  const std::vector<schema::Column> columns_;
  std::vector<ColumnBatch> batches_;
  size_t next_ = 0;
};

size_t BytesOf(const ColumnVector& column) {
  size_t bytes = column.valid.size() + 8 * (column.ints.size() + column.doubles.size()) +
                 column.bytes.size() + 4 * column.offsets.size();
  for (const ColumnVector& child : column.children) bytes += BytesOf(child);
  return bytes;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ResultStream>> KeepRows(ResultStream& rows) {
  std::vector<ColumnBatch> batches;
  size_t bytes = 0;
  while (true) {
    AFLUENTE_ASSIGN_OR_RETURN(ColumnBatch batch, rows.Next());
    if (batch.rows == 0) break;
    for (const ColumnVector& column : batch.columns) bytes += BytesOf(column);
    if (bytes > kBytesMax) {
      return absl::ResourceExhaustedError(
          "Resources exceeded: a statement inside a script gives more than 64 MiB of rows");
    }
    batches.push_back(std::move(batch));
  }
  return KeptRows(rows.columns(), std::move(batches));
}

std::unique_ptr<ResultStream> KeptRows(std::vector<schema::Column> columns,
                                       std::vector<ColumnBatch> batches) {
  return std::make_unique<Kept>(std::move(columns), std::move(batches));
}

}  // namespace afluente::warehouse::duckdb
