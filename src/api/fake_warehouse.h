#pragma once

// For tests: a warehouse whose answers the test chooses; it keeps what it was asked.
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "warehouse/parquet.h"
#include "warehouse/warehouse.h"

namespace afluente::api {

class FakeResult final : public warehouse::ResultStream {
 public:
  FakeResult(std::vector<schema::Column> columns, std::vector<warehouse::ColumnBatch> batches,
             absl::Status end)
      : columns_(std::move(columns)), batches_(std::move(batches)), end_(std::move(end)) {}
  const std::vector<schema::Column>& columns() const override { return columns_; }
  absl::StatusOr<warehouse::ColumnBatch> Next() override {
    if (next_ < batches_.size()) return batches_[next_++];
    if (!end_.ok()) return end_;
    return warehouse::ColumnBatch();
  }
  std::optional<int64_t> affected_rows() const override { return std::nullopt; }

 private:
  std::vector<schema::Column> columns_;
  std::vector<warehouse::ColumnBatch> batches_;
  absl::Status end_;
  size_t next_ = 0;
};

class FakeWarehouse final : public warehouse::Warehouse {
 public:
  struct Asked {
    warehouse::Statement statement;
    std::vector<warehouse::Parameter> parameters;
    warehouse::QueryLimits limits;
  };

  absl::Status Append(const warehouse::FunctionCommit&) override { return Unused(); }
  absl::StatusOr<std::unique_ptr<warehouse::ResultStream>> Query(
      const warehouse::Statement& statement, const std::vector<warehouse::Parameter>& parameters,
      const warehouse::QueryLimits& limits) override {
    if (before_query) before_query();
    absl::MutexLock lock(&mutex_);
    asked_.push_back({statement, parameters, limits});
    if (!query_status.ok()) return query_status;
    return std::make_unique<FakeResult>(facts.columns, answer ? answer(parameters) : batches,
                                        end_status);
  }
  absl::StatusOr<warehouse::StatementFacts> Describe(
      const warehouse::Statement& statement,
      const std::vector<warehouse::Parameter>& parameters) override {
    absl::MutexLock lock(&mutex_);
    described_.push_back({statement, parameters, {}});
    if (!describe_status.ok()) return describe_status;
    return facts;
  }
  absl::StatusOr<std::vector<warehouse::TableVersion>> Versions(
      const std::vector<warehouse::TableName>&) const override {
    return versions;
  }
  absl::StatusOr<std::vector<warehouse::FunctionRecord>> Functions() const override {
    return Unused();
  }
  absl::StatusOr<warehouse::FunctionAccount> Account(const std::string&,
                                                     const warehouse::TableName&) const override {
    return Unused();
  }
  absl::StatusOr<std::vector<warehouse::OutboxEntry>> Outbox(size_t) const override {
    return Unused();
  }
  absl::Status RemoveFromOutbox(const std::vector<std::string>&) override { return Unused(); }

  std::vector<Asked> asked() {
    absl::MutexLock lock(&mutex_);
    return asked_;
  }
  std::vector<Asked> described() {
    absl::MutexLock lock(&mutex_);
    return described_;
  }

  // Set before the calls.
  warehouse::StatementFacts facts;
  std::vector<warehouse::ColumnBatch> batches;
  // In the place of `batches`.
  std::function<std::vector<warehouse::ColumnBatch>(const std::vector<warehouse::Parameter>&)>
      answer;
  absl::StatusOr<std::vector<warehouse::TableVersion>> versions = Unused();
  absl::Status describe_status;
  absl::Status query_status;
  absl::Status end_status;
  std::function<void()> before_query;

 private:
  static absl::Status Unused() { return absl::UnimplementedError("not used by the API"); }

  absl::Mutex mutex_;
  std::vector<Asked> asked_ ABSL_GUARDED_BY(mutex_);
  std::vector<Asked> described_ ABSL_GUARDED_BY(mutex_);
};

// Files that tell only how many rows they have: "PAR1 2".
class FakeParquet final : public warehouse::ParquetFormat {
 public:
  absl::StatusOr<std::unique_ptr<warehouse::ParquetFile>> Begin(
      const std::vector<schema::Column>&) override {
    return std::make_unique<File>();
  }

 private:
  class File final : public warehouse::ParquetFile {
   public:
    absl::Status Append(const warehouse::ColumnBatch& batch) override {
      rows_ += batch.rows;
      return absl::OkStatus();
    }
    size_t bytes() const override { return 16 * rows_; }
    absl::StatusOr<std::string> Finish() override { return "PAR1 " + std::to_string(rows_); }

   private:
    size_t rows_ = 0;
  };
};

// Columns for batches.
inline warehouse::ColumnVector Ints(std::vector<int64_t> values,
                                    schema::TypeKind kind = schema::TypeKind::kInt64) {
  warehouse::ColumnVector column;
  column.type.kind = kind;
  column.valid.assign(values.size(), 1);
  column.ints = std::move(values);
  return column;
}

inline warehouse::ColumnVector Texts(const std::vector<std::string>& values,
                                     schema::TypeKind kind = schema::TypeKind::kString) {
  warehouse::ColumnVector column;
  column.type.kind = kind;
  column.valid.assign(values.size(), 1);
  column.offsets.push_back(0);
  for (const std::string& value : values) {
    column.bytes += value;
    column.offsets.push_back(static_cast<uint32_t>(column.bytes.size()));
  }
  return column;
}

inline warehouse::ColumnVector Doubles(std::vector<double> values) {
  warehouse::ColumnVector column;
  column.type.kind = schema::TypeKind::kFloat64;
  column.valid.assign(values.size(), 1);
  column.doubles = std::move(values);
  return column;
}

inline warehouse::ColumnBatch Batch(std::vector<warehouse::ColumnVector> columns) {
  warehouse::ColumnBatch batch;
  batch.rows = columns.empty() ? 0 : columns[0].size();
  batch.columns = std::move(columns);
  return batch;
}

}  // namespace afluente::api
