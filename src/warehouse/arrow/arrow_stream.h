#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "schema/type.h"
#include "warehouse/column_batch.h"

namespace afluente::warehouse::arrow {

// Writes a result as an Arrow IPC stream (Arrow's "Columnar Format", IPC): INT64, FLOAT64, BOOL,
// STRING and BYTES as themselves, NUMERIC as decimal128(38, 9), BIGNUMERIC as decimal256(76, 38),
// DATE as date32, TIME, DATETIME and TIMESTAMP in microseconds (TIMESTAMP in UTC), JSON as the
// extension arrow.json, ARRAY and STRUCT as list and struct. One result, one thread.
class ArrowStream {
 public:
  static absl::StatusOr<std::unique_ptr<ArrowStream>> Create(
      const std::vector<schema::Column>& columns);
  virtual ~ArrowStream() = default;
  // One record batch. INVALID_ARGUMENT when its columns are not the stream's.
  virtual absl::Status Append(const ColumnBatch& batch) = 0;
  virtual size_t bytes() const = 0;
  // What was written since the last call: after Create the schema's message, after Append the
  // batch's. Finish gives only the rest then.
  virtual std::string Take() = 0;
  // The stream so far, which is whole after Finish.
  virtual absl::StatusOr<std::string> Finish() = 0;
};

}  // namespace afluente::warehouse::arrow
