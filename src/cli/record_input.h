#pragma once

#include <cstdint>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "source/packed_stream.h"
#include "source/record_reader.h"

namespace afluente::warehouse::duckdb {
class ParquetRows;
}

namespace afluente::cli {

// What `publish` and `backfill` read: standard input or a file, which may be packed. One thread.
class RecordInput {
 public:
  RecordInput();
  ~RecordInput();
  // An empty path is standard input, lines. INVALID_ARGUMENT for a file of no known kind, or one
  // that cannot be opened. The first `skip` records are passed over.
  static absl::StatusOr<std::unique_ptr<RecordInput>> Open(const std::string& path, uint64_t skip);

  // As RecordReader's.
  absl::StatusOr<std::optional<std::string>> Next();
  uint64_t bytes_read() const;                           // of the file
  uint64_t bytes_total() const { return bytes_total_; }  // 0 = not known
  uint64_t records() const { return records_; }          // read so far, with those passed over
  const std::string& name() const { return name_; }      // without its directory, for people

 private:
  absl::Status OpenFile(const std::string& path);

  std::ifstream file_;
  std::unique_ptr<source::PackedStream> unpacked_;
  std::unique_ptr<source::RecordReader> reader_;
  std::unique_ptr<warehouse::duckdb::ParquetRows> parquet_;  // instead of it
  uint64_t bytes_total_ = 0;
  uint64_t records_ = 0;
  std::string name_ = "stdin";
};

}  // namespace afluente::cli
