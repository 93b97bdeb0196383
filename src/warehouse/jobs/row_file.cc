#include "warehouse/jobs/row_file.h"

#include <algorithm>

#include "event/by_name.h"
#include "event/json_scalar.h"
#include "host/check.h"
#include "schema/json_text.h"
#include "schema/parse_value.h"
#include "schema/text.h"
#include "schema/utf8.h"
#include "warehouse/jobs/avro_records.h"
#include "warehouse/jobs/text_records.h"

namespace afluente::warehouse::jobs {

using schema::Column;
using schema::Concat;
using schema::Mode;
using schema::TypeKind;
using schema::Value;

namespace {

// BOOL in CSV: 1, t, true, y, yes and their opposites, in any case.
std::optional<Value> CsvBool(std::string_view text) {
  const std::string lower = schema::Lowercase(text);
  for (std::string_view yes : {"1", "t", "true", "y", "yes"}) {
    if (lower == yes) return Value(true);
  }
  for (std::string_view no : {"0", "f", "false", "n", "no"}) {
    if (lower == no) return Value(false);
  }
  return std::nullopt;
}

std::optional<Value> CsvValue(TypeKind kind, const std::string& text) {
  switch (kind) {
    case TypeKind::kBool:
      return CsvBool(text);
    case TypeKind::kString:
      return schema::IsUtf8(text) ? std::optional<Value>(Value(text)) : std::nullopt;
    case TypeKind::kJson:
      return schema::IsJson(text) ? std::optional<Value>(Value(text)) : std::nullopt;
    default:
      return event::FromJsonString(kind, schema::StripSpace(text));
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<RecordReader>> OpenRecords(const host::File& file,
                                                          const FileOptions& options) {
  AFLUENTE_ASSIGN_OR_RETURN(const std::string start, file.ReadAt(0, 2));
  if (start == "\x1f\x8b") {
    return absl::UnimplementedError("a compressed file is not supported: upload it unpacked");
  }
  switch (options.format) {
    case FileOptions::Format::kCsv:
      return ReadCsv(file, options);
    case FileOptions::Format::kJson:
      return ReadJsonLines(file);
    case FileOptions::Format::kAvro:
      return ReadAvro(file, options);
  }
  return absl::InternalError("a format");
}

struct RowDecoder::State {
  State(std::vector<Column> of, const FileOptions& given)
      : columns(std::move(of)),
        options(given),
        by_name(columns, given.ignore_unknown_values ? event::UnknownFields::kIgnore
                                                     : event::UnknownFields::kReject) {}
  const std::vector<Column> columns;
  const FileOptions options;
  event::ByNameDecoder by_name;
};

RowDecoder::RowDecoder(std::vector<Column> columns, const FileOptions& options)
    : state_(std::make_unique<State>(std::move(columns), options)) {}
RowDecoder::~RowDecoder() = default;

absl::StatusOr<std::vector<Value>> RowDecoder::Decode(const RawRow& row) {
  if (state_->options.format == FileOptions::Format::kCsv) return DecodeCsv(row);
  return state_->by_name.Decode(row.json);
}

absl::StatusOr<std::vector<Value>> RowDecoder::DecodeCsv(const RawRow& row) const {
  const std::vector<Column>& columns = state_->columns;
  const FileOptions& options = state_->options;
  if (row.fields.size() > columns.size() && !options.ignore_unknown_values) {
    return absl::InvalidArgumentError(Concat("Too many values in line. Found ", row.fields.size(),
                                             " column(s) while expected ", columns.size(), "."));
  }
  if (row.fields.size() < columns.size() && !options.allow_jagged_rows) {
    return absl::InvalidArgumentError(Concat("CSV table references column position ",
                                             row.fields.size(), ", but line contains only ",
                                             row.fields.size(), " columns."));
  }
  std::vector<Value> values(columns.size());
  for (size_t i = 0; i < columns.size(); ++i) {
    const Column& column = columns[i];
    if (column.type.kind == TypeKind::kArray || column.type.kind == TypeKind::kStruct) {
      return absl::InvalidArgumentError(
          Concat("field ", column.name, " is nested: CSV has no form for it"));
    }
    bool null = i >= row.fields.size();
    if (!null) {
      const CsvField& field = row.fields[i];
      null =
          options.null_markers.empty()
              ? field.text.empty() && !field.quoted
              : !field.quoted && std::find(options.null_markers.begin(), options.null_markers.end(),
                                           field.text) != options.null_markers.end();
    }
    if (null && column.mode == Mode::kRequired) {
      return absl::InvalidArgumentError(
          Concat("Required column value for column ", column.name, " is missing"));
    }
    if (null) continue;
    std::optional<Value> value = CsvValue(column.type.kind, row.fields[i].text);
    if (!value) {
      return absl::InvalidArgumentError(
          Concat("Could not parse ", schema::QuoteForMessage(row.fields[i].text), " as ",
                 column.type.ToString(), " for field ", column.name, " (position ", i, ")"));
    }
    values[i] = *std::move(value);
  }
  return values;
}

}  // namespace afluente::warehouse::jobs
