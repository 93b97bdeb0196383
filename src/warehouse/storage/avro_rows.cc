#include "warehouse/storage/avro_rows.h"

#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "schema/format_value.h"
#include "schema/text.h"

namespace afluente::warehouse::storage {
namespace {

using nlohmann::json;
using schema::Type;
using schema::TypeKind;

constexpr int kNumericScale = 9;
constexpr int kBigNumericScale = 38;

json Decimal(int precision, int scale) {
  return {
      {"type", "bytes"}, {"logicalType", "decimal"}, {"precision", precision}, {"scale", scale}};
}

json Nullable(json type) { return json::array({"null", std::move(type)}); }

// `place` makes the names of nested records differ.
json TypeOf(const Type& type, const std::string& place) {
  switch (type.kind) {
    case TypeKind::kBool:
      return "boolean";
    case TypeKind::kFloat64:
      return "double";
    case TypeKind::kNumeric:
      return Decimal(38, kNumericScale);
    case TypeKind::kBigNumeric:
      return Decimal(77, kBigNumericScale);
    case TypeKind::kString:
      return "string";
    case TypeKind::kBytes:
      return "bytes";
    case TypeKind::kJson:
      return {{"type", "string"}, {"sqlType", "JSON"}};
    case TypeKind::kDate:
      return {{"type", "int"}, {"logicalType", "date"}};
    case TypeKind::kTime:
      return {{"type", "long"}, {"logicalType", "time-micros"}};
    case TypeKind::kDatetime:
      return {{"type", "string"}, {"logicalType", "datetime"}, {"sqlType", "DATETIME"}};
    case TypeKind::kTimestamp:
      return {{"type", "long"}, {"logicalType", "timestamp-micros"}};
    case TypeKind::kArray:
      return {{"type", "array"}, {"items", TypeOf(type.element(), place)}};
    case TypeKind::kStruct: {
      json fields = json::array();
      for (const schema::Field& field : type.fields) {
        json inner = TypeOf(field.type, place + "_" + field.name);
        if (field.type.kind != TypeKind::kArray) inner = Nullable(std::move(inner));
        fields.push_back({{"name", field.name}, {"type", std::move(inner)}});
      }
      return {{"type", "record"}, {"name", place}, {"fields", std::move(fields)}};
    }
    default:
      return "long";
  }
}

void AppendLong(int64_t value, std::string& out) {
  uint64_t zigzag = (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
  while (zigzag >= 0x80) {
    out += static_cast<char>(zigzag | 0x80);
    zigzag >>= 7;
  }
  out += static_cast<char>(zigzag);
}

void AppendBytes(std::string_view bytes, std::string& out) {
  AppendLong(static_cast<int64_t>(bytes.size()), out);
  out += bytes;
}

// A decimal's whole number of its last digit, big endian, two's complement, as short as it goes.
std::string DecimalBytes(std::string_view text, size_t scale) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  const size_t point = std::min(text.find('.'), text.size());
  std::string digits(text.substr(0, point));
  const std::string_view fraction = text.substr(std::min(point + 1, text.size()));
  digits += fraction;
  digits.append(scale - std::min(scale, fraction.size()), '0');
  std::string bytes(1, '\0');  // little endian
  for (char digit : digits) {
    unsigned carry = static_cast<unsigned>(digit - '0');
    for (char& c : bytes) {
      const unsigned part = static_cast<unsigned char>(c) * 10u + carry;
      c = static_cast<char>(part & 0xff);
      carry = part >> 8;
    }
    if (carry != 0) bytes += static_cast<char>(carry);
  }
  if ((bytes.back() & 0x80) != 0) bytes += '\0';
  if (negative) {
    bool carry = true;
    for (char& c : bytes) {
      c = static_cast<char>(~c);
      if (carry) carry = ++c == 0;
    }
  }
  return std::string(bytes.rbegin(), bytes.rend());
}

void AppendValue(const ColumnVector& column, size_t row, std::string& out);

void AppendNullable(const ColumnVector& column, size_t row, std::string& out) {
  if (column.type.kind == TypeKind::kArray) return AppendValue(column, row, out);
  AppendLong(column.IsNull(row) ? 0 : 1, out);
  if (!column.IsNull(row)) AppendValue(column, row, out);
}

void AppendArray(const ColumnVector& column, size_t row, std::string& out) {
  const size_t begin = column.offsets[row], end = column.offsets[row + 1];
  if (end > begin) AppendLong(static_cast<int64_t>(end - begin), out);
  for (size_t i = begin; i < end; ++i) AppendValue(column.children[0], i, out);
  AppendLong(0, out);
}

void AppendValue(const ColumnVector& column, size_t row, std::string& out) {
  switch (column.type.kind) {
    case TypeKind::kBool:
      out += static_cast<char>(column.ints[row]);
      return;
    case TypeKind::kFloat64: {
      char bytes[sizeof(double)];
      std::memcpy(bytes, &column.doubles[row], sizeof(bytes));
      out.append(bytes, sizeof(bytes));
      return;
    }
    case TypeKind::kNumeric:
      return AppendBytes(DecimalBytes(column.Bytes(row), kNumericScale), out);
    case TypeKind::kBigNumeric:
      return AppendBytes(DecimalBytes(column.Bytes(row), kBigNumericScale), out);
    case TypeKind::kString:
    case TypeKind::kBytes:
    case TypeKind::kJson:
      return AppendBytes(column.Bytes(row), out);
    case TypeKind::kDatetime:
      return AppendBytes(schema::FormatDatetime(column.ints[row]), out);
    case TypeKind::kArray:
      return AppendArray(column, row, out);
    case TypeKind::kStruct:
      for (const ColumnVector& child : column.children) AppendNullable(child, row, out);
      return;
    default:
      return AppendLong(column.ints[row], out);
  }
}

}  // namespace

std::string AvroSchemaOf(const std::vector<schema::Column>& columns) {
  json fields = json::array();
  for (const schema::Column& column : columns) {
    json type = TypeOf(column.type, "__root___" + column.name);
    const bool plain =
        column.type.kind == TypeKind::kArray || column.mode == schema::Mode::kRequired;
    fields.push_back(
        {{"name", column.name}, {"type", plain ? std::move(type) : Nullable(std::move(type))}});
  }
  return json{{"type", "record"}, {"name", "__root__"}, {"fields", std::move(fields)}}.dump();
}

std::string EncodeAvroRows(const std::vector<schema::Column>& columns, const ColumnBatch& batch) {
  std::string out;
  for (size_t row = 0; row < batch.rows; ++row) {
    for (size_t i = 0; i < columns.size(); ++i) {
      if (columns[i].mode == schema::Mode::kRequired) {
        AppendValue(batch.columns[i], row, out);
      } else {
        AppendNullable(batch.columns[i], row, out);
      }
    }
  }
  return out;
}

}  // namespace afluente::warehouse::storage
