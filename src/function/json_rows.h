#pragma once

#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "event/by_name.h"
#include "function/transform.h"

namespace afluente::function {

// The elements of a JSON array, as they are written. INVALID_ARGUMENT when it is none.
absl::StatusOr<std::vector<std::string_view>> SplitJsonArray(std::string_view json);

// Rows from what a function in another language returned: a JSON object is a row by column name, an
// array of objects is as many. One thread at a time.
class JsonRows {
 public:
  static constexpr size_t kRowsMax = 100'000;  // of one message

  JsonRows(std::vector<schema::Column> columns, event::UnknownFields unknown_fields)
      : decoder_(std::make_unique<event::ByNameDecoder>(std::move(columns), unknown_fields)) {}

  // Rows, or dropped for an empty array. INVALID_ARGUMENT names the row and the field.
  absl::StatusOr<Outcome> Decode(std::string_view json);

 private:
  std::unique_ptr<event::ByNameDecoder> decoder_;
};

}  // namespace afluente::function
