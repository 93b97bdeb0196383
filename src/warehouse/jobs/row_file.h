#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "host/file_system.h"
#include "schema/type.h"
#include "schema/value.h"

namespace afluente::warehouse::jobs {

// How a file's rows are written. CSV's options are BigQuery's.
struct FileOptions {
  enum class Format { kCsv, kJson, kAvro } format = Format::kCsv;
  char delimiter = ',';
  std::optional<char> quote = '"';
  int64_t skip_leading_rows = 0;
  bool allow_quoted_newlines = false;
  bool allow_jagged_rows = false;
  std::vector<std::string> null_markers;
  bool preserve_control_characters = false;
  bool ignore_unknown_values = false;
  bool logical_types = false;  // Avro's
};

// A field of a CSV row: whether it was quoted decides whether nothing is NULL.
struct CsvField {
  std::string text;
  bool quoted = false;
};

// One record as it was read, before its columns are known.
struct RawRow {
  std::string json;              // an object; empty for CSV
  std::vector<CsvField> fields;  // CSV
  uint64_t at = 0;               // its first byte in the file
};

// Reads a file's records in order. One thread.
class RecordReader {
 public:
  virtual ~RecordReader() = default;
  // nullopt at the end. INVALID_ARGUMENT for what cannot be read further.
  virtual absl::StatusOr<std::optional<RawRow>> Next() = 0;
  virtual absl::Status Rewind() = 0;
  // The columns that the file itself declares; none where it declares none.
  virtual const std::vector<schema::Column>& columns() const = 0;
};

// INVALID_ARGUMENT when the file is not of that format.
absl::StatusOr<std::unique_ptr<RecordReader>> OpenRecords(const host::File& file,
                                                          const FileOptions& options);

// A record's values in the order of `columns`.
class RowDecoder {
 public:
  RowDecoder(std::vector<schema::Column> columns, const FileOptions& options);
  ~RowDecoder();
  // INVALID_ARGUMENT names the column and what was found.
  absl::StatusOr<std::vector<schema::Value>> Decode(const RawRow& row);

 private:
  absl::StatusOr<std::vector<schema::Value>> DecodeCsv(const RawRow& row) const;
  struct State;
  std::unique_ptr<State> state_;
};

// The columns that BigQuery's autodetection would give a file: of what its first 500 records hold.
// `options.skip_leading_rows` becomes 1 where the first row of a CSV file is a header.
absl::StatusOr<std::vector<schema::Column>> DetectColumns(RecordReader& reader,
                                                          FileOptions& options);

}  // namespace afluente::warehouse::jobs
