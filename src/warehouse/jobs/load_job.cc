#include <algorithm>
#include <utility>

#include "host/check.h"
#include "schema/text.h"
#include "warehouse/jobs/job_configuration.h"
#include "warehouse/jobs/job_work.h"
#include "warehouse/jobs/json_fields.h"
#include "warehouse/jobs/row_file.h"
#include "warehouse/jobs/schema_resource.h"
#include "warehouse/jobs/streaming_insert.h"

namespace afluente::warehouse::jobs {
namespace {

using schema::Column;
using schema::Concat;

constexpr size_t kBatchRows = 8'192;
constexpr uint64_t kKeptBytes = 32 << 20;  // a file up to this is decoded once
constexpr size_t kErrorsMax = 100;

absl::Status RefuseUnsupported(const json& load) {
  for (const char* key :
       {"hivePartitioningOptions", "destinationEncryptionConfiguration", "columnNameCharacterMap",
        "referenceFileSchemaUri", "timeZone", "dateFormat", "datetimeFormat", "timeFormat",
        "timestampFormat", "jsonExtension", "fileSetSpecType", "sourceColumnMatch"}) {
    const json* given = Member(load, key);
    const bool set = given != nullptr && *given != "" && !given->empty();
    if (set) return absl::UnimplementedError(Concat(key, " of a load is not supported"));
  }
  for (const json& uri : ObjectOrArray(load, "sourceUris")) {
    return absl::UnimplementedError(Concat("loading from ",
                                           uri.is_string() ? uri.get<std::string>() : "a URI",
                                           " is not supported: upload the file with the job"));
  }
  const std::string encoding = TextOf(load, "encoding", "UTF-8");
  if (!schema::EqualsIgnoreCase(encoding, "UTF-8") && !schema::EqualsIgnoreCase(encoding, "UTF8")) {
    return absl::UnimplementedError(Concat("encoding ", encoding, " of a load is not supported"));
  }
  return absl::OkStatus();
}

absl::StatusOr<char> DelimiterOf(const json& load) {
  const std::string text = TextOf(load, "fieldDelimiter", ",");
  if (text.empty() || text == "\\t" || schema::EqualsIgnoreCase(text, "tab")) {
    return text.empty() ? ',' : '\t';
  }
  if (text.size() > 1) return absl::InvalidArgumentError("fieldDelimiter is one byte");
  return text[0];
}

absl::StatusOr<FileOptions> OptionsOf(const json& load, const std::string& format) {
  FileOptions options;
  options.format = format == "CSV"    ? FileOptions::Format::kCsv
                   : format == "AVRO" ? FileOptions::Format::kAvro
                                      : FileOptions::Format::kJson;
  AFLUENTE_ASSIGN_OR_RETURN(options.delimiter, DelimiterOf(load));
  const std::string quote = TextOf(load, "quote", "\"");
  if (quote.size() > 1) return absl::InvalidArgumentError("quote is one byte");
  options.quote = quote.empty() ? std::nullopt : std::optional<char>(quote[0]);
  options.skip_leading_rows = std::max<int64_t>(IntOf(load, "skipLeadingRows").value_or(0), 0);
  options.allow_quoted_newlines = BoolOf(load, "allowQuotedNewlines");
  options.allow_jagged_rows = BoolOf(load, "allowJaggedRows");
  options.ignore_unknown_values = BoolOf(load, "ignoreUnknownValues");
  options.logical_types = BoolOf(load, "useAvroLogicalTypes");
  if (const std::string marker = TextOf(load, "nullMarker"); !marker.empty()) {
    options.null_markers.push_back(marker);
  }
  for (const json& marker : ObjectOrArray(load, "nullMarkers")) {
    if (marker.is_string()) options.null_markers.push_back(marker.get<std::string>());
  }
  return options;
}

// A file's rows, decoded again each time; bad ones, which were counted before, are passed over.
class FileRows final : public RowSource {
 public:
  FileRows(RecordReader& reader, RowDecoder& decoder, int64_t skip)
      : reader_(reader), decoder_(decoder), skip_(skip) {}

  absl::StatusOr<std::vector<StoredRow>> Next() override {
    std::vector<StoredRow> rows;
    while (rows.size() < kBatchRows) {
      AFLUENTE_ASSIGN_OR_RETURN(std::optional<RawRow> row, reader_.Next());
      if (!row) break;
      if (skipped_ < skip_) {
        ++skipped_;
        continue;
      }
      auto values = decoder_.Decode(*row);
      if (values.ok()) rows.push_back({"", 0, *std::move(values)});
    }
    return rows;
  }
  absl::Status Rewind() override {
    skipped_ = 0;
    return reader_.Rewind();
  }

 private:
  RecordReader& reader_;
  RowDecoder& decoder_;
  const int64_t skip_;
  int64_t skipped_ = 0;
};

struct Checked {
  std::vector<StoredRow> rows;  // of a small file
  bool kept = true;
  int64_t good = 0;
  int64_t bad = 0;
};

// Decodes every row once, so that a bad file is refused before anybody waits for its commit.
absl::StatusOr<Checked> CheckRows(RecordReader& reader, RowDecoder& decoder,
                                  const FileOptions& options, int64_t bad_max, uint64_t size,
                                  JobRun& run) {
  Checked checked;
  checked.kept = size <= kKeptBytes;
  AFLUENTE_RETURN_IF_ERROR(reader.Rewind());
  for (int64_t index = 0;; ++index) {
    if (run.cancellation != nullptr && run.cancellation->cancelled()) {
      return absl::CancelledError("Job execution was cancelled: User requested cancellation");
    }
    AFLUENTE_ASSIGN_OR_RETURN(std::optional<RawRow> row, reader.Next());
    if (!row) return checked;
    if (index < options.skip_leading_rows) continue;
    auto values = decoder.Decode(*row);
    if (values.ok()) {
      ++checked.good;
      if (checked.kept) checked.rows.push_back({"", 0, *std::move(values)});
      continue;
    }
    ++checked.bad;
    const std::string message =
        Concat("Error while reading data, error message: ", std::string(values.status().message()),
               "; line_number: ", index + 1, " byte_offset_to_start_of_line: ", row->at);
    if (run.job.errors.size() < kErrorsMax) run.job.errors.push_back({"invalid", message, ""});
    if (checked.bad <= bad_max) continue;
    return absl::InvalidArgumentError(
        Concat("Error while reading data, error message: the file has too many errors, giving up. "
               "Rows: ",
               checked.good, "; errors: ", checked.bad, ". ", message));
  }
}

absl::StatusOr<std::vector<Column>> ColumnsFor(const JobPorts& ports, const json& load,
                                               const Destination& destination, RecordReader& reader,
                                               FileOptions& options) {
  AFLUENTE_ASSIGN_OR_RETURN(std::vector<Column> columns, ColumnsFromJson(ObjectOf(load, "schema")));
  const std::optional<TableSchema> stored = ports.catalog.FindTable(destination.table.name);
  const bool replaces = destination.write == Destination::Write::kTruncate;
  const bool avro = options.format == FileOptions::Format::kAvro;
  const bool detect = BoolOf(load, "autodetect") || avro;
  if (!columns.empty()) return columns;
  if (stored && !replaces && !destination.add_fields && !avro) return DeclaredColumns(*stored);
  if (detect && (!stored || replaces || destination.add_fields || avro)) {
    AFLUENTE_ASSIGN_OR_RETURN(columns, DetectColumns(reader, options));
    if (!columns.empty()) return columns;
  }
  if (stored) return DeclaredColumns(*stored);
  return absl::InvalidArgumentError("No schema specified on job or table.");
}

// The values' order becomes the table's.
std::vector<size_t> OrderIn(const std::vector<Column>& table, const std::vector<Column>& given) {
  std::vector<size_t> places;
  for (const Column& column : given) {
    size_t place = 0;
    while (place < table.size() && !schema::EqualsIgnoreCase(table[place].name, column.name)) {
      ++place;
    }
    places.push_back(place);
  }
  return places;
}

// What the table will be when the commit's definitions are done.
std::vector<Column> PlannedColumns(const JobPorts& ports, const TableCommit& commit) {
  for (const TableDefinition& definition : commit.definitions) {
    return DeclaredColumns(definition.table);
  }
  return DeclaredColumns(*ports.catalog.FindTable(commit.tables[0].table));
}

class Reordered final : public RowSource {
 public:
  Reordered(RowSource& inner, std::vector<size_t> places, size_t width)
      : inner_(inner), places_(std::move(places)), width_(width) {}
  absl::StatusOr<std::vector<StoredRow>> Next() override {
    AFLUENTE_ASSIGN_OR_RETURN(std::vector<StoredRow> rows, inner_.Next());
    for (StoredRow& row : rows) Reorder(row);
    return rows;
  }
  absl::Status Rewind() override { return inner_.Rewind(); }
  void Reorder(StoredRow& row) const {
    std::vector<schema::Value> values(width_);
    for (size_t i = 0; i < places_.size() && i < row.values.size(); ++i) {
      values[places_[i]] = std::move(row.values[i]);
    }
    row.values = std::move(values);
  }

 private:
  RowSource& inner_;
  const std::vector<size_t> places_;
  const size_t width_;
};

json LoadStatistics(uint64_t bytes, int64_t rows, int64_t bad) {
  const std::string size = std::to_string(bytes);
  return {{"load",
           {{"inputFiles", "1"},
            {"inputFileBytes", size},
            {"outputRows", std::to_string(rows)},
            {"outputBytes", size},
            {"badRecords", std::to_string(bad)}}}};
}

absl::Status LoadParquet(const JobPorts& ports, const json& load, const Destination& destination,
                         uint64_t bytes, JobRun& run) {
  AFLUENTE_ASSIGN_OR_RETURN(std::vector<Column> found, ports.writer.ParquetColumns(run.upload));
  AFLUENTE_ASSIGN_OR_RETURN(std::vector<Column> columns, ColumnsFromJson(ObjectOf(load, "schema")));
  if (columns.empty()) columns = std::move(found);
  TableCommit commit;
  AFLUENTE_RETURN_IF_ERROR(PlanDestination(ports.catalog, destination, columns, commit));
  commit.tables[0].parquet_file = run.upload;
  commit.limits.cancellation = run.cancellation;
  // How many rows it stores is known afterwards: the file tells before.
  AFLUENTE_ASSIGN_OR_RETURN(const int64_t rows, ports.writer.ParquetRows(run.upload));
  run.job.statistics = Dump(LoadStatistics(bytes, rows, 0));
  commit.records.push_back(EndedRecord(ports.clock, run.job));
  AFLUENTE_RETURN_IF_ERROR(ports.writer.Commit(std::move(commit)).status());
  run.recorded = true;
  return absl::OkStatus();
}

absl::Status LoadRecords(const JobPorts& ports, const json& load, const Destination& destination,
                         const std::string& format, const host::File& file, uint64_t bytes,
                         JobRun& run) {
  AFLUENTE_ASSIGN_OR_RETURN(FileOptions options, OptionsOf(load, format));
  AFLUENTE_ASSIGN_OR_RETURN(std::unique_ptr<RecordReader> reader, OpenRecords(file, options));
  AFLUENTE_ASSIGN_OR_RETURN(const std::vector<Column> columns,
                            ColumnsFor(ports, load, destination, *reader, options));
  TableCommit commit;
  AFLUENTE_RETURN_IF_ERROR(PlanDestination(ports.catalog, destination, columns, commit));
  const std::vector<Column> planned = PlannedColumns(ports, commit);
  RowDecoder decoder(columns, options);
  AFLUENTE_ASSIGN_OR_RETURN(
      Checked checked,
      CheckRows(*reader, decoder, options, IntOf(load, "maxBadRecords").value_or(0), bytes, run));
  FileRows rows(*reader, decoder, options.skip_leading_rows);
  Reordered ordered(rows, OrderIn(planned, columns), planned.size());
  if (checked.kept) {
    for (StoredRow& row : checked.rows) ordered.Reorder(row);
    commit.tables[0].rows = std::move(checked.rows);
  } else {
    commit.tables[0].source = &ordered;
  }
  run.job.statistics = Dump(LoadStatistics(bytes, checked.good, checked.bad));
  commit.records.push_back(EndedRecord(ports.clock, run.job));
  AFLUENTE_RETURN_IF_ERROR(ports.writer.Commit(std::move(commit)).status());
  run.recorded = true;
  return absl::OkStatus();
}

}  // namespace

absl::Status RunLoadJob(const JobPorts& ports, JobRun& run) {
  const json configuration = ParseJson(run.job.configuration);
  const json& load = ObjectOf(configuration, "load");
  AFLUENTE_RETURN_IF_ERROR(RefuseUnsupported(load));
  const std::string format = TextOf(load, "sourceFormat", "CSV");
  const bool known = format == "CSV" || format == "NEWLINE_DELIMITED_JSON" || format == "AVRO" ||
                     format == "PARQUET";
  if (!known) {
    return absl::UnimplementedError(Concat("sourceFormat ", format, " is not supported"));
  }
  if (run.upload.empty()) return absl::InvalidArgumentError("a load comes with its file");
  AFLUENTE_ASSIGN_OR_RETURN(Destination destination,
                            DestinationOf(load, run.job.project, Destination::Write::kAppend));
  const TableName& name = destination.table.name;
  if (!ports.catalog.HasDataset(name.project, name.dataset)) {
    return absl::NotFoundError(Concat("Not found: Dataset ", name.project, ":", name.dataset));
  }
  AFLUENTE_ASSIGN_OR_RETURN(
      std::unique_ptr<host::File> file,
      ports.files.Open(Concat(ports.writer.staging_directory(), "/", run.upload),
                       host::FileSystem::Mode::kRead));
  AFLUENTE_ASSIGN_OR_RETURN(const uint64_t bytes, file->Size());
  if (format == "PARQUET") return LoadParquet(ports, load, destination, bytes, run);
  return LoadRecords(ports, load, destination, format, *file, bytes, run);
}

}  // namespace afluente::warehouse::jobs
