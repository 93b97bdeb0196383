#include "api/json_writer.h"

#include <charconv>
#include <cmath>

#include "schema/format_value.h"
#include "schema/json_text.h"
#include "schema/utf8.h"
#include "telemetry/json_string.h"

namespace afluente::api {
namespace {

using schema::TypeKind;
using telemetry::AppendJsonString;
using warehouse::ColumnVector;

void AppendInt(std::string& out, int64_t value) {
  char digits[24];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

// JSON has no word for these three.
void AppendDouble(std::string& out, double value) {
  if (!std::isfinite(value)) {
    out += std::isnan(value) ? "\"NaN\"" : value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
    return;
  }
  char digits[32];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

void AppendQuoted(std::string& out, const std::string& plain) {
  out += '"';
  out += plain;
  out += '"';
}

// JSON as itself, on one line. What an engine let through that is not JSON becomes a string, so
// that the answer stays readable.
void AppendJson(std::string& out, std::string_view text) {
  if (!schema::IsJson(text)) return AppendJsonString(out, text);
  const size_t start = out.size();
  out += text;
  for (size_t i = start; i < out.size(); ++i) {
    // Inside a JSON string a line break is always escaped: these are white space.
    if (out[i] == '\n' || out[i] == '\r') out[i] = ' ';
  }
}

void AppendArray(std::string& out, const ColumnVector& column, size_t i) {
  out += '[';
  for (uint32_t k = column.offsets[i]; k < column.offsets[i + 1]; ++k) {
    if (k != column.offsets[i]) out += ',';
    AppendJsonValue(out, column.children[0], k);
  }
  out += ']';
}

void AppendStruct(std::string& out, const ColumnVector& column, size_t i) {
  out += '{';
  for (size_t field = 0; field < column.children.size(); ++field) {
    if (field != 0) out += ',';
    const std::string& name = column.type.fields[field].name;
    // BigQuery's own name for a field without one.
    AppendJsonString(out, name.empty() ? "_field_" + std::to_string(field + 1) : name);
    out += ':';
    AppendJsonValue(out, column.children[field], i);
  }
  out += '}';
}

}  // namespace

void AppendJsonValue(std::string& out, const ColumnVector& column, size_t i) {
  if (column.IsNull(i)) {
    out += "null";
    return;
  }
  switch (column.type.kind) {
    case TypeKind::kBool:
      out += column.ints[i] != 0 ? "true" : "false";
      return;
    case TypeKind::kInt64:
      return AppendInt(out, column.ints[i]);
    case TypeKind::kFloat64:
      return AppendDouble(out, column.doubles[i]);
    case TypeKind::kNumeric:
    case TypeKind::kBigNumeric:
    case TypeKind::kString:
      return AppendJsonString(out, column.Bytes(i));
    case TypeKind::kBytes:
      return AppendQuoted(out, schema::FormatBase64(std::string(column.Bytes(i))));
    case TypeKind::kDate:
      return AppendQuoted(out, schema::FormatDate(column.ints[i]));
    case TypeKind::kDatetime:
      return AppendQuoted(out, schema::FormatDatetime(column.ints[i]));
    case TypeKind::kTime:
      return AppendQuoted(out, schema::FormatTime(column.ints[i]));
    case TypeKind::kTimestamp:
      return AppendQuoted(out, schema::FormatRfc3339(column.ints[i]));
    case TypeKind::kJson:
      return AppendJson(out, column.Bytes(i));
    case TypeKind::kArray:
      return AppendArray(out, column, i);
    case TypeKind::kStruct:
      return AppendStruct(out, column, i);
  }
}

JsonRowWriter::JsonRowWriter(const std::vector<schema::Column>& columns) {
  for (const schema::Column& column : columns) {
    std::string prefix = prefixes_.empty() ? "{" : ",";
    AppendJsonString(prefix, column.name);
    prefix += ':';
    prefixes_.push_back(std::move(prefix));
  }
}

void JsonRowWriter::AppendRow(std::string& out, const warehouse::ColumnBatch& batch,
                              size_t row) const {
  for (size_t i = 0; i < prefixes_.size(); ++i) {
    out += prefixes_[i];
    AppendJsonValue(out, batch.columns[i], row);
  }
  out += prefixes_.empty() ? "{}" : "}";
}

}  // namespace afluente::api
