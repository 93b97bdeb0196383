#include "api/answer_format.h"

#include <utility>

#include "api/csv_writer.h"
#include "schema/parse_value.h"
#include "schema/text.h"

namespace afluente::api {
namespace {

// The next piece of a list up to `separator`, without the space around it.
std::string_view NextPiece(std::string_view& list, char separator) {
  const size_t end = list.find(separator);
  const std::string_view piece = schema::StripSpace(list.substr(0, end));
  list.remove_prefix(end == std::string_view::npos ? list.size() : end + 1);
  return piece;
}

double Quality(std::string_view parameters) {
  while (!parameters.empty()) {
    const std::string_view parameter = NextPiece(parameters, ';');
    if (parameter.size() < 2 || schema::ToLower(parameter[0]) != 'q' || parameter[1] != '=') {
      continue;
    }
    const auto quality = schema::ParseFloat64(parameter.substr(2));
    return quality && *quality >= 0 && *quality <= 1 ? *quality : 0;
  }
  return 1;
}

// How closely a media range names a type: 0 not at all, 1 "*/*", 2 "type/*", 3 itself.
int Closeness(std::string_view range, std::string_view type) {
  if (schema::EqualsIgnoreCase(range, type)) return 3;
  if (range == "*/*") return 1;
  if (!range.ends_with("/*")) return 0;
  const std::string_view family = range.substr(0, range.size() - 1);
  return schema::EqualsIgnoreCase(family, type.substr(0, family.size())) ? 2 : 0;
}

// The quality that `accept` gives a type: its closest range decides.
double QualityOf(std::string_view accept, std::string_view type) {
  int closest = 0;
  double quality = 0;
  while (!accept.empty()) {
    std::string_view entry = NextPiece(accept, ',');
    const std::string_view range = NextPiece(entry, ';');
    const int closeness = Closeness(range, type);
    if (closeness <= closest) continue;
    closest = closeness;
    quality = Quality(entry);
  }
  return quality;
}

}  // namespace

std::string_view ContentType(AnswerFormat format) {
  switch (format) {
    case AnswerFormat::kJson:
      return "application/json";
    case AnswerFormat::kNdjson:
      return "application/x-ndjson";
    case AnswerFormat::kCsv:
      return "text/csv; charset=utf-8";
  }
  return "";
}

std::optional<AnswerFormat> NegotiateFormat(std::string_view accept) {
  if (schema::StripSpace(accept).empty()) return AnswerFormat::kJson;
  static constexpr std::pair<std::string_view, AnswerFormat> kTypes[] = {
      {"application/json", AnswerFormat::kJson},
      {"application/x-ndjson", AnswerFormat::kNdjson},
      {"application/ndjson", AnswerFormat::kNdjson},
      {"text/csv", AnswerFormat::kCsv},
  };
  std::optional<AnswerFormat> best;
  double best_quality = 0;
  for (const auto& [type, format] : kTypes) {
    const double quality = QualityOf(accept, type);
    if (quality <= best_quality) continue;
    best_quality = quality;
    best = format;
  }
  return best;
}

AnswerWriter::AnswerWriter(AnswerFormat format, const std::vector<schema::Column>& columns,
                           const warehouse::RowJsonWriter& rows)
    : format_(format), rows_(rows) {
  if (format == AnswerFormat::kJson) body_ = "{\"rows\":[";
  if (format == AnswerFormat::kCsv) AppendCsvHeader(body_, columns);
}

void AnswerWriter::Append(const warehouse::ColumnBatch& batch) {
  for (size_t row = 0; row < batch.rows; ++row) AppendRow(batch, row);
}

void AnswerWriter::AppendRow(const warehouse::ColumnBatch& batch, size_t row) {
  switch (format_) {
    case AnswerFormat::kJson:
      if (count_ != 0) body_ += ',';
      rows_.AppendRow(batch, row, body_);
      break;
    case AnswerFormat::kNdjson:
      rows_.AppendRow(batch, row, body_);
      body_ += '\n';
      break;
    case AnswerFormat::kCsv:
      AppendCsvRow(body_, batch, row);
      break;
  }
  ++count_;
}

std::string AnswerWriter::Finish() {
  if (format_ == AnswerFormat::kJson) body_ += "],\"next_cursor\":null}";
  return std::move(body_);
}

}  // namespace afluente::api
