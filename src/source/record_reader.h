#pragma once

#include <cstdint>
#include <istream>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"

namespace afluente::source {

enum class RecordFormat { kNdjson, kCsv };

// By the file's ending: .ndjson, .jsonl, .json, .csv. INVALID_ARGUMENT names what is supported.
absl::StatusOr<RecordFormat> FormatOfFile(const std::string& path);

// Reads the records of a file or a stream one by one; each becomes one message's data. One thread.
class RecordReader {
 public:
  virtual ~RecordReader() = default;
  // The next record's bytes, or nullopt at the end. INVALID_ARGUMENT gives NAME:LINE and what is
  // wrong; reading cannot go on after it.
  virtual absl::StatusOr<std::optional<std::string>> Next() = 0;
  // Bytes consumed so far, for progress.
  virtual uint64_t bytes_read() const = 0;

  // NDJSON: a line is the data verbatim; empty lines are skipped. CSV (RFC 4180): a row becomes a
  // JSON object of strings under the header's names, an empty field null. `name` is for messages.
  static std::unique_ptr<RecordReader> Create(std::istream& in, RecordFormat format,
                                              std::string name);
};

}  // namespace afluente::source
