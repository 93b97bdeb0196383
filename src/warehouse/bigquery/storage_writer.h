#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "schema/value.h"
#include "warehouse/bigquery/rest_client.h"
#include "warehouse/table.h"

namespace afluente::warehouse::bigquery {

struct StorageChannel;

struct StorageOptions {
  std::string endpoint = "bigquerystorage.googleapis.com:443";
  bool plaintext = false;  // an emulator
  std::chrono::milliseconds attempt_timeout{20'000};
  std::chrono::milliseconds pause_first{100};
  std::chrono::milliseconds pause_max{5'000};
};

// Rows for one table.
struct RowsToWrite {
  TableSchema table;
  // With a primary key each row replaces the one of the same key (`_CHANGE_TYPE` UPSERT).
  bool upsert = true;
  std::string version = "0";  // `_CHANGE_SEQUENCE_NUMBER`
  std::vector<std::vector<schema::Value>> rows;
};

// Writes rows by the Storage Write API's default stream, a call for each write over one channel:
// stored and readable when it answers. Rows with a key may be written again without harm, so a
// failure that Google calls transient is tried again until the deadline. Thread-safe.
class StorageWriter {
 public:
  StorageWriter(AccessToken token, const host::Clock& clock, StorageOptions options);
  ~StorageWriter();

  // INVALID_ARGUMENT names the first row that BigQuery refuses, and then none of its request is
  // stored; NOT_FOUND for the table, RESOURCE_EXHAUSTED, UNAVAILABLE, DEADLINE_EXCEEDED. Blocks.
  absl::Status Write(const RowsToWrite& rows, host::MonotonicTime deadline);

 private:
  absl::Status WriteOnce(const RowsToWrite& rows, const std::vector<std::string>& encoded,
                         std::chrono::milliseconds timeout);

  const AccessToken token_;
  const host::Clock& clock_;
  const StorageOptions options_;
  const std::unique_ptr<StorageChannel> channel_;
};

}  // namespace afluente::warehouse::bigquery
