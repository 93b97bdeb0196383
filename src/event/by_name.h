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

// Turns a JSON object into one row by column name, with BigQuery's JSON ingestion rules. Keeps
// parser buffers between calls: one instance a thread.
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
