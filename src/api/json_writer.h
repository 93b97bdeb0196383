#pragma once

#include <string>
#include <vector>

#include "schema/type.h"
#include "warehouse/column_batch.h"

namespace afluente::api {

// Appends value `i` of a column as JSON, in the forms of "An endpoint's answer" in the
// specification. The result is valid JSON on one line whatever the bytes are.
void AppendJsonValue(std::string& out, const warehouse::ColumnVector& column, size_t i);

// Writes rows as JSON objects; the members' names are escaped once. Immutable, any thread.
class JsonRowWriter {
 public:
  explicit JsonRowWriter(const std::vector<schema::Column>& columns);
  void AppendRow(std::string& out, const warehouse::ColumnBatch& batch, size_t row) const;

 private:
  std::vector<std::string> prefixes_;  // `{"a":`, `,"b":`
};

}  // namespace afluente::api
