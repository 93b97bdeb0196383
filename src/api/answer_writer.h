#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "schema/type.h"
#include "warehouse/column_batch.h"

namespace afluente::warehouse {
class ParquetFormat;
}

namespace afluente::api {

enum class AnswerFormat;

// Gathers one answer's body: JSON with its envelope, the other formats the rows alone. One thread.
class AnswerWriter {
 public:
  virtual ~AnswerWriter() = default;
  virtual absl::Status Append(const warehouse::ColumnBatch& batch) = 0;
  virtual size_t bytes() const = 0;
  // Called once, last.
  virtual absl::StatusOr<std::string> Finish(const std::optional<std::string>& next_cursor) = 0;
};

// `columns` and `parquet` must outlive the writer.
std::unique_ptr<AnswerWriter> MakeAnswerWriter(AnswerFormat format,
                                               const std::vector<schema::Column>& columns,
                                               warehouse::ParquetFormat& parquet);

}  // namespace afluente::api
