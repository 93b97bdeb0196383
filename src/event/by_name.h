#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "schema/type.h"
#include "schema/value.h"

namespace afluente::event {

enum class UnknownFields { kReject, kIgnore };

// Turns a JSON object into one row by column name, with BigQuery's JSON ingestion rules ("Loading
// JSON data" in its documentation). Keeps parser buffers between calls: one instance a thread.
//   Names      case does not matter; a name that occurs twice is refused.
//   INT64      whole numbers (5, 5.0, 5e3) and texts of integers; FLOAT64, NUMERIC, BIGNUMERIC
//              numbers with all their digits, and their texts ("NaN", "Infinity" for FLOAT64).
//   BOOL       true, false and their texts. STRING also takes numbers and booleans as their text.
//   BYTES      base64. DATE, TIME, DATETIME, TIMESTAMP texts as CAST takes them; TIMESTAMP also
//              "YYYY/MM/DD ...", and seconds since the epoch as a number or its text.
//   JSON       any value as it is written: a JSON string stays a JSON string.
//   ARRAY      from an array; null or missing is empty, a null element is refused.
//   STRUCT     from an object. null or missing is NULL, and refused in a REQUIRED column.
class ByNameDecoder {
 public:
  ByNameDecoder(std::vector<schema::Column> columns, UnknownFields unknown_fields);
  ~ByNameDecoder();

  // The row's values in column order. INVALID_ARGUMENT gives the JSON path, what was found and what
  // was expected; it is permanent: the same bytes fail the same way each time.
  absl::StatusOr<std::vector<schema::Value>> Decode(std::string_view json);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace afluente::event
