#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "warehouse/table.h"

namespace afluente::warehouse::storage {

enum class StreamType { kDefault, kCommitted, kPending, kBuffered };

// What is kept of a write stream: docs/formats/write-streams.md.
struct StreamState {
  StreamType type = StreamType::kCommitted;
  TableName table;
  std::string id;
  int64_t created_us = 0;
  int64_t committed_us = 0;  // 0: not yet
  int64_t rows = 0;          // appended: the next offset
  int64_t visible = 0;       // of a buffered stream: rows before it are in the table
  int64_t staged_bytes = 0;  // kept beside the table until they are in it
  bool finalized = false;

  // "projects/P/datasets/D/tables/T/streams/ID".
  std::string Name() const;
  std::string Encode() const;
};

// DATA_LOSS when the record is not what Encode gave.
absl::StatusOr<StreamState> DecodeStream(const std::string& name, const std::string& record);

// The stream that every table has.
inline constexpr char kDefaultStream[] = "_default";

// Takes "projects/P/datasets/D/tables/T" or a stream's name apart, also ".../tables/T/_default".
// INVALID_ARGUMENT when it is neither.
struct StreamName {
  TableName table;
  std::string id;  // empty: a table's name
};
absl::StatusOr<StreamName> ParseName(const std::string& name);

}  // namespace afluente::warehouse::storage
