#include "warehouse/row_json.h"

#include <charconv>
#include <cmath>

#include "schema/format_value.h"
#include "schema/json_text.h"
#include "telemetry/json_string.h"

namespace afluente::warehouse {
namespace {

void AppendQuoted(const std::string& plain, std::string& out) {
  out += '"';
  out += plain;
  out += '"';
}

void AppendInt(int64_t value, std::string& out) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  out.append(digits, end);
}

// JSON has no word for three doubles.
void AppendDouble(double value, std::string& out) {
  if (!std::isfinite(value)) return AppendQuoted(schema::FormatFloat64(value), out);
  char digits[32];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

// JSON as itself, on one line. What an engine let through that is not JSON becomes a string, so
// that the answer stays readable.
void AppendJson(std::string_view text, std::string& out) {
  if (!schema::IsJson(text)) return telemetry::AppendJsonString(out, text);
  const size_t start = out.size();
  out += text;
  for (size_t i = start; i < out.size(); ++i) {
    // Inside a JSON string a line break is always escaped: these are white space.
    if (out[i] == '\n' || out[i] == '\r') out[i] = ' ';
  }
}

void AppendArray(const ColumnVector& column, size_t row, std::string& out) {
  out += '[';
  for (uint32_t i = column.offsets[row]; i < column.offsets[row + 1]; ++i) {
    if (i > column.offsets[row]) out += ',';
    AppendJsonValue(column.children[0], i, out);
  }
  out += ']';
}

void AppendStruct(const ColumnVector& column, size_t row, std::string& out) {
  out += '{';
  for (size_t i = 0; i < column.children.size(); ++i) {
    if (i > 0) out += ',';
    const std::string& name = column.type.fields[i].name;
    // BigQuery's own name for a field without one.
    telemetry::AppendJsonString(out, name.empty() ? "_field_" + std::to_string(i + 1) : name);
    out += ':';
    AppendJsonValue(column.children[i], row, out);
  }
  out += '}';
}

// As BigQuery's REST API: "[2024-01-01, UNBOUNDED)".
void AppendRange(const ColumnVector& column, size_t row, std::string& out) {
  out += "\"[";
  for (size_t side = 0; side < 2; ++side) {
    if (side == 1) out += ", ";
    const ColumnVector& bound = column.children[side];
    if (bound.IsNull(row)) {
      out += "UNBOUNDED";
      continue;
    }
    std::string text;
    AppendJsonValue(bound, row, text);
    out.append(text, 1, text.size() - 2);
  }
  out += ")\"";
}

}  // namespace

void AppendJsonValue(const ColumnVector& column, size_t row, std::string& out) {
  using schema::TypeKind;
  if (column.IsNull(row)) {
    out += "null";
    return;
  }
  switch (column.type.kind) {
    case TypeKind::kBool:
      out += column.ints[row] != 0 ? "true" : "false";
      return;
    case TypeKind::kInt64:
      return AppendInt(column.ints[row], out);
    case TypeKind::kFloat64:
      return AppendDouble(column.doubles[row], out);
    case TypeKind::kNumeric:
    case TypeKind::kBigNumeric:
    case TypeKind::kString:
      return telemetry::AppendJsonString(out, column.Bytes(row));
    case TypeKind::kBytes:
      return AppendQuoted(schema::FormatBase64(std::string(column.Bytes(row))), out);
    case TypeKind::kDate:
      return AppendQuoted(schema::FormatDate(column.ints[row]), out);
    case TypeKind::kDatetime:
      return AppendQuoted(schema::FormatDatetime(column.ints[row]), out);
    case TypeKind::kTime:
      return AppendQuoted(schema::FormatTime(column.ints[row]), out);
    case TypeKind::kTimestamp:
      return AppendQuoted(schema::FormatRfc3339(column.ints[row]), out);
    case TypeKind::kJson:
      return AppendJson(column.Bytes(row), out);
    case TypeKind::kArray:
      return AppendArray(column, row, out);
    case TypeKind::kStruct:
      return AppendStruct(column, row, out);
    case TypeKind::kInterval:
      return AppendQuoted(std::string(column.Bytes(row)), out);
    case TypeKind::kRange:
      return AppendRange(column, row, out);
  }
}

RowJsonWriter::RowJsonWriter(const std::vector<schema::Column>& columns) {
  for (const schema::Column& column : columns) {
    std::string key;
    telemetry::AppendJsonString(key, column.name);
    keys_.push_back(key + ":");
  }
}

void RowJsonWriter::AppendRow(const ColumnBatch& batch, size_t row, std::string& out) const {
  out += '{';
  for (size_t i = 0; i < keys_.size(); ++i) {
    if (i > 0) out += ',';
    out += keys_[i];
    AppendJsonValue(batch.columns[i], row, out);
  }
  out += '}';
}

}  // namespace afluente::warehouse
