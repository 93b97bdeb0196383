#include "api/answer_writer.h"

#include <utility>

#include "api/answer_format.h"
#include "api/csv_writer.h"
#include "telemetry/json_string.h"
#include "warehouse/arrow/arrow_stream.h"
#include "warehouse/parquet.h"
#include "warehouse/row_json.h"

namespace afluente::api {
namespace {

class JsonWriter final : public AnswerWriter {
 public:
  explicit JsonWriter(const std::vector<schema::Column>& columns) : rows_(columns) {}

  absl::Status Append(const warehouse::ColumnBatch& batch) override {
    for (size_t row = 0; row < batch.rows; ++row) {
      if (std::exchange(any_, true)) body_ += ',';
      rows_.AppendRow(batch, row, body_);
    }
    return absl::OkStatus();
  }
  size_t bytes() const override { return body_.size(); }

  absl::StatusOr<std::string> Finish(const std::optional<std::string>& next_cursor) override {
    body_ += "],\"next_cursor\":";
    if (next_cursor.has_value()) {
      telemetry::AppendJsonString(body_, *next_cursor);
    } else {
      body_ += "null";
    }
    body_ += '}';
    return std::move(body_);
  }

 private:
  const warehouse::RowJsonWriter rows_;
  bool any_ = false;
  std::string body_ = "{\"rows\":[";
};

class NdjsonWriter final : public AnswerWriter {
 public:
  explicit NdjsonWriter(const std::vector<schema::Column>& columns) : rows_(columns) {}

  absl::Status Append(const warehouse::ColumnBatch& batch) override {
    for (size_t row = 0; row < batch.rows; ++row) {
      rows_.AppendRow(batch, row, body_);
      body_ += '\n';
    }
    return absl::OkStatus();
  }
  size_t bytes() const override { return body_.size(); }
  absl::StatusOr<std::string> Finish(const std::optional<std::string>&) override {
    return std::move(body_);
  }

 private:
  const warehouse::RowJsonWriter rows_;
  std::string body_;
};

class CsvWriter final : public AnswerWriter {
 public:
  explicit CsvWriter(const std::vector<schema::Column>& columns) {
    AppendCsvHeader(body_, columns);
  }

  absl::Status Append(const warehouse::ColumnBatch& batch) override {
    for (size_t row = 0; row < batch.rows; ++row) AppendCsvRow(body_, batch, row);
    return absl::OkStatus();
  }
  size_t bytes() const override { return body_.size(); }
  absl::StatusOr<std::string> Finish(const std::optional<std::string>&) override {
    return std::move(body_);
  }

 private:
  std::string body_;
};

class ArrowWriter final : public AnswerWriter {
 public:
  explicit ArrowWriter(const std::vector<schema::Column>& columns)
      : stream_(warehouse::arrow::ArrowStream::Create(columns)) {}

  absl::Status Append(const warehouse::ColumnBatch& batch) override {
    return stream_.ok() ? (*stream_)->Append(batch) : stream_.status();
  }
  size_t bytes() const override { return stream_.ok() ? (*stream_)->bytes() : 0; }
  absl::StatusOr<std::string> Finish(const std::optional<std::string>&) override {
    if (!stream_.ok()) return stream_.status();
    return (*stream_)->Finish();
  }

 private:
  const absl::StatusOr<std::unique_ptr<warehouse::arrow::ArrowStream>> stream_;
};

class ParquetWriter final : public AnswerWriter {
 public:
  ParquetWriter(warehouse::ParquetFormat& format, const std::vector<schema::Column>& columns)
      : file_(format.Begin(columns)) {}

  absl::Status Append(const warehouse::ColumnBatch& batch) override {
    return file_.ok() ? (*file_)->Append(batch) : file_.status();
  }
  size_t bytes() const override { return file_.ok() ? (*file_)->bytes() : 0; }
  absl::StatusOr<std::string> Finish(const std::optional<std::string>&) override {
    if (!file_.ok()) return file_.status();
    return (*file_)->Finish();
  }

 private:
  const absl::StatusOr<std::unique_ptr<warehouse::ParquetFile>> file_;
};

}  // namespace

std::unique_ptr<AnswerWriter> MakeAnswerWriter(AnswerFormat format,
                                               const std::vector<schema::Column>& columns,
                                               warehouse::ParquetFormat& parquet) {
  switch (format) {
    case AnswerFormat::kJson:
      return std::make_unique<JsonWriter>(columns);
    case AnswerFormat::kNdjson:
      return std::make_unique<NdjsonWriter>(columns);
    case AnswerFormat::kCsv:
      return std::make_unique<CsvWriter>(columns);
    case AnswerFormat::kArrow:
      return std::make_unique<ArrowWriter>(columns);
    case AnswerFormat::kParquet:
      return std::make_unique<ParquetWriter>(parquet, columns);
  }
  return nullptr;
}

}  // namespace afluente::api
