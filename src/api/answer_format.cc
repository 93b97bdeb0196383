#include "api/answer_format.h"

#include <utility>

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

const std::vector<FormatName>& OfferedFormats() {
  static const std::vector<FormatName> kFormats = {
      {AnswerFormat::kJson, "application/json", ".json"},
      {AnswerFormat::kNdjson, "application/x-ndjson", ".ndjson"},
      {AnswerFormat::kCsv, "text/csv", ".csv"},
      {AnswerFormat::kArrow, "application/vnd.apache.arrow.stream", ".arrow", true},
      {AnswerFormat::kParquet, "application/vnd.apache.parquet", ".parquet", true},
  };
  return kFormats;
}

std::string OfferedTypes() {
  std::string types;
  for (const FormatName& offered : OfferedFormats()) {
    types += schema::Concat(types.empty() ? "" : ", ", offered.media_type);
  }
  return types;
}

std::string_view ContentType(AnswerFormat format) {
  if (format == AnswerFormat::kCsv) return "text/csv; charset=utf-8";
  for (const FormatName& offered : OfferedFormats()) {
    if (offered.format == format) return offered.media_type;
  }
  return "";
}

bool IsCompressible(AnswerFormat format) { return format != AnswerFormat::kParquet; }

std::optional<AnswerFormat> NegotiateFormat(std::string_view accept) {
  if (schema::StripSpace(accept).empty()) return AnswerFormat::kJson;
  std::optional<AnswerFormat> best;
  double best_quality = 0;
  const auto consider = [&](std::string_view type, AnswerFormat format) {
    const double quality = QualityOf(accept, type);
    if (quality <= best_quality) return;
    best_quality = quality;
    best = format;
  };
  for (const FormatName& offered : OfferedFormats()) consider(offered.media_type, offered.format);
  consider("application/ndjson", AnswerFormat::kNdjson);
  return best;
}

bool WantsEvents(std::string_view accept) {
  while (!accept.empty()) {
    std::string_view entry = NextPiece(accept, ',');
    const std::string_view range = NextPiece(entry, ';');
    if (schema::EqualsIgnoreCase(range, "text/event-stream")) return Quality(entry) > 0;
  }
  return false;
}

}  // namespace afluente::api
