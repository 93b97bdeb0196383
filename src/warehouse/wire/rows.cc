#include "warehouse/wire/rows.h"

#include "schema/format_value.h"
#include "telemetry/json_string.h"

namespace afluente::warehouse::wire {
namespace {

using schema::TypeKind;

std::string FloatText(double value) {
  std::string text = schema::FormatFloat64(value);
  // BigQuery writes 1.0 for what is whole.
  if (text.find_first_not_of("-0123456789") == std::string::npos) text += ".0";
  return text;
}

std::string SecondsText(int64_t micros) {
  const bool negative = micros < 0;
  const uint64_t size =
      negative ? 0 - static_cast<uint64_t>(micros) : static_cast<uint64_t>(micros);
  std::string fraction = std::to_string(size % 1'000'000);
  fraction.insert(0, 6 - fraction.size(), '0');
  while (fraction.size() > 1 && fraction.back() == '0') fraction.pop_back();
  return (negative ? "-" : "") + std::to_string(size / 1'000'000) + "." + fraction;
}

// Fractions of a second have six digits or none, as clients parse them.
std::string WithMicros(std::string text) {
  constexpr size_t kDigits = 6;
  const size_t point = text.find('.');
  if (point != std::string::npos) text.append(point + 1 + kDigits - text.size(), '0');
  return text;
}

std::string TimestampText(int64_t micros, TimestampForm form) {
  switch (form) {
    case TimestampForm::kMicros:
      return std::to_string(micros);
    case TimestampForm::kIso8601:
      return schema::FormatRfc3339(micros);
    default:
      return SecondsText(micros);
  }
}

std::string ScalarText(const ColumnVector& column, size_t row, TimestampForm timestamps) {
  switch (column.type.kind) {
    case TypeKind::kBool:
      return column.ints[row] != 0 ? "true" : "false";
    case TypeKind::kInt64:
      return std::to_string(column.ints[row]);
    case TypeKind::kFloat64:
      return FloatText(column.doubles[row]);
    case TypeKind::kBytes:
      return schema::FormatBase64(std::string(column.Bytes(row)));
    case TypeKind::kDate:
      return schema::FormatDate(column.ints[row]);
    case TypeKind::kDatetime:
      return WithMicros(schema::FormatDatetime(column.ints[row]));
    case TypeKind::kTime:
      return WithMicros(schema::FormatTime(column.ints[row]));
    case TypeKind::kTimestamp:
      return TimestampText(column.ints[row], timestamps);
    default:
      return std::string(column.Bytes(row));
  }
}

// "[start, end)" of a RANGE, whose ends may be unbounded.
std::string RangeText(const ColumnVector& column, size_t row, TimestampForm timestamps) {
  std::string text = "[";
  for (size_t i = 0; i < 2; ++i) {
    const ColumnVector& end = column.children[i];
    if (i > 0) text += ", ";
    text += end.IsNull(row) ? "UNBOUNDED" : ScalarText(end, row, timestamps);
  }
  return text + ")";
}

void AppendValue(const ColumnVector& column, size_t row, TimestampForm timestamps,
                 std::string& out) {
  const TypeKind kind = column.type.kind;
  if (kind == TypeKind::kArray) {
    // BigQuery has no NULL array: it is an empty one.
    out += "{\"v\":[";
    if (!column.IsNull(row)) {
      for (uint32_t i = column.offsets[row]; i < column.offsets[row + 1]; ++i) {
        if (i > column.offsets[row]) out += ',';
        AppendValue(column.children[0], i, timestamps, out);
      }
    }
    out += "]}";
    return;
  }
  if (column.IsNull(row)) {
    out += "{\"v\":null}";
    return;
  }
  if (kind == TypeKind::kStruct) {
    out += "{\"v\":{\"f\":[";
    for (size_t i = 0; i < column.children.size(); ++i) {
      if (i > 0) out += ',';
      AppendValue(column.children[i], row, timestamps, out);
    }
    out += "]}}";
    return;
  }
  out += "{\"v\":";
  telemetry::AppendJsonString(out, column.children.size() == 2
                                       ? RangeText(column, row, timestamps)
                                       : ScalarText(column, row, timestamps));
  out += '}';
}

}  // namespace

void AppendRow(const ColumnBatch& batch, size_t row, TimestampForm timestamps, std::string& out) {
  out += "{\"f\":[";
  for (size_t i = 0; i < batch.columns.size(); ++i) {
    if (i > 0) out += ',';
    AppendValue(batch.columns[i], row, timestamps, out);
  }
  out += "]}";
}

}  // namespace afluente::warehouse::wire
