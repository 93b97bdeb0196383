#pragma once

#include <string>
#include <vector>

#include "schema/type.h"
#include "warehouse/column_batch.h"

namespace afluente::warehouse {

// Writes rows of a result as JSON objects, as an endpoint's answer has them: INT64 with all its
// digits, FLOAT64 shortest ("NaN" and "Infinity" as strings), NUMERIC and BIGNUMERIC strings, BYTES
// base64, TIMESTAMP RFC 3339, JSON as itself, ARRAY and STRUCT nested, NULL null. Bytes that are
// not UTF-8 become U+FFFD. Immutable.
class RowJsonWriter {
 public:
  explicit RowJsonWriter(const std::vector<schema::Column>& columns);

  // Appends row `row` of `batch` to `out`.
  void AppendRow(const ColumnBatch& batch, size_t row, std::string& out) const;

 private:
  std::vector<std::string> keys_;  // as `"name":`
};

// Appends one value of a column.
void AppendJsonValue(const ColumnVector& column, size_t row, std::string& out);

}  // namespace afluente::warehouse
