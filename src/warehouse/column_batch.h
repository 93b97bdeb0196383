#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "schema/type.h"

namespace afluente::warehouse {

// Values of one column in Arrow's layout, whatever engine they came from. Which buffer is filled
// depends on type.kind:
//   ints      BOOL (0/1), INT64, DATE (days), DATETIME, TIME, TIMESTAMP (microseconds)
//   doubles   FLOAT64
//   bytes     STRING, BYTES, JSON (text), NUMERIC, BIGNUMERIC (decimal text), INTERVAL ("Y-M D
//             H:M:S[.F]"): value i is
//             bytes[offsets[i], offsets[i+1])
//   children  ARRAY: children[0] holds the elements, value i is [offsets[i], offsets[i+1]);
//             STRUCT: one child a field, each of this column's size; RANGE: two children, the
//             starts and the ends, NULL = unbounded
struct ColumnVector {
  schema::Type type;
  std::vector<uint8_t> valid;  // 1 = not NULL; one entry a value
  std::vector<int64_t> ints;
  std::vector<double> doubles;
  std::string bytes;
  std::vector<uint32_t> offsets;
  std::vector<ColumnVector> children;

  size_t size() const { return valid.size(); }
  bool IsNull(size_t i) const { return valid[i] == 0; }
  std::string_view Bytes(size_t i) const {
    return std::string_view(bytes).substr(offsets[i], offsets[i + 1] - offsets[i]);
  }
};

// Some rows of a result, column by column.
struct ColumnBatch {
  std::vector<ColumnVector> columns;
  size_t rows = 0;
};

}  // namespace afluente::warehouse
