#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "host/clock.h"

namespace afluente::warehouse {
class ParquetFormat;
struct TableName;
}  // namespace afluente::warehouse

namespace afluente::api {

struct EndpointOptions {
  std::string project;                        // completes `dataset.table` in an endpoint's SQL
  std::string dataset;                        // completes `table`; may be empty
  std::chrono::milliseconds timeout{10'000};  // waiting for a worker included
  uint64_t rows_max = 10'000;                 // an answer with more is refused, never cut
  uint64_t answer_bytes_max = 64 << 20;
  // Signs cursors and entity tags: those of another key are not taken.
  std::string secret;
  // With identity on: the request's fields that callers are told apart by, for Vary.
  std::string caller_fields;
  // Writes answers in Parquet; outlives the Api. Never null there.
  warehouse::ParquetFormat* parquet = nullptr;
  // When the newest message in a table was published, where something feeds it; may be null.
  std::function<std::optional<host::WallTime>(const warehouse::TableName&)> freshness;
};

}  // namespace afluente::api
