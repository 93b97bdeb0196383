#include "warehouse/bigquery/cell_reader.h"

#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "host/check.h"
#include "schema/parse_value.h"
#include "schema/text.h"
#include "schema/value.h"

namespace afluente::warehouse::bigquery {
namespace {

using nlohmann::json;
using schema::Concat;
using schema::TypeKind;
using schema::Value;

absl::Status Misshapen(const schema::Type& type, const json& cell) {
  return absl::UnavailableError(
      Concat("BigQuery's answer has ",
             schema::QuoteForMessage(cell.dump(-1, ' ', false, json::error_handler_t::replace)),
             " for a value of type ", type.ToString()));
}

bool IsText(TypeKind kind) {
  return kind == TypeKind::kString || kind == TypeKind::kBytes || kind == TypeKind::kJson ||
         kind == TypeKind::kNumeric || kind == TypeKind::kBigNumeric;
}

ColumnVector Empty(const schema::Type& type) {
  ColumnVector column;
  column.type = type;
  if (IsText(type.kind) || type.kind == TypeKind::kArray) column.offsets.push_back(0);
  for (const schema::Field& field : type.fields) column.children.push_back(Empty(field.type));
  return column;
}

void AppendNull(ColumnVector& column) {
  column.valid.push_back(0);
  switch (column.type.kind) {
    case TypeKind::kFloat64:
      column.doubles.push_back(0);
      break;
    case TypeKind::kArray:
      column.offsets.push_back(column.offsets.back());
      break;
    case TypeKind::kStruct:
      for (ColumnVector& child : column.children) AppendNull(child);
      break;
    default:
      if (IsText(column.type.kind)) {
        column.offsets.push_back(column.offsets.back());
      } else {
        column.ints.push_back(0);
      }
  }
}

absl::Status AppendScalar(const json& cell, ColumnVector& column) {
  if (!cell.is_string()) return Misshapen(column.type, cell);
  const std::string& text = cell.get_ref<const std::string&>();
  // TIMESTAMP comes in microseconds; all else as GoogleSQL writes it.
  schema::Type read = column.type;
  if (read.kind == TypeKind::kTimestamp) read.kind = TypeKind::kInt64;
  absl::StatusOr<Value> value = schema::ParseValue(read, text);
  if (!value.ok()) return Misshapen(column.type, cell);
  column.valid.push_back(1);
  if (auto* integer = std::get_if<int64_t>(&value->data)) {
    column.ints.push_back(*integer);
  } else if (auto* flag = std::get_if<bool>(&value->data)) {
    column.ints.push_back(*flag ? 1 : 0);
  } else if (auto* number = std::get_if<double>(&value->data)) {
    column.doubles.push_back(*number);
  } else {
    column.bytes += std::get<std::string>(value->data);
    column.offsets.push_back(static_cast<uint32_t>(column.bytes.size()));
  }
  return absl::OkStatus();
}

absl::Status AppendCell(const json& cell, ColumnVector& column);

// `{"v": ...}`.
absl::Status AppendWrapped(const json& wrapped, ColumnVector& column) {
  if (!wrapped.is_object() || !wrapped.contains("v")) return Misshapen(column.type, wrapped);
  return AppendCell(wrapped["v"], column);
}

absl::Status AppendStruct(const json& cell, ColumnVector& column) {
  const auto fields = cell.is_object() ? cell.find("f") : cell.end();
  if (fields == cell.end() || !fields->is_array() || fields->size() != column.children.size()) {
    return Misshapen(column.type, cell);
  }
  for (size_t i = 0; i < column.children.size(); ++i) {
    AFLUENTE_RETURN_IF_ERROR(AppendWrapped((*fields)[i], column.children[i]));
  }
  column.valid.push_back(1);
  return absl::OkStatus();
}

absl::Status AppendArray(const json& cell, ColumnVector& column) {
  if (!cell.is_array()) return Misshapen(column.type, cell);
  for (const json& element : cell) {
    AFLUENTE_RETURN_IF_ERROR(AppendWrapped(element, column.children[0]));
  }
  column.valid.push_back(1);
  column.offsets.push_back(static_cast<uint32_t>(column.children[0].size()));
  return absl::OkStatus();
}

absl::Status AppendCell(const json& cell, ColumnVector& column) {
  if (cell.is_null()) {
    AppendNull(column);
    return absl::OkStatus();
  }
  if (column.type.kind == TypeKind::kArray) return AppendArray(cell, column);
  if (column.type.kind == TypeKind::kStruct) return AppendStruct(cell, column);
  return AppendScalar(cell, column);
}

}  // namespace

absl::StatusOr<ColumnBatch> ReadRows(const std::vector<schema::Column>& columns, const json& rows) {
  ColumnBatch batch;
  for (const schema::Column& column : columns) batch.columns.push_back(Empty(column.type));
  for (const json& row : rows) {
    const auto cells = row.is_object() ? row.find("f") : row.end();
    if (cells == row.end() || !cells->is_array() || cells->size() != columns.size()) {
      return absl::UnavailableError("BigQuery's answer has a row of another shape");
    }
    for (size_t i = 0; i < columns.size(); ++i) {
      AFLUENTE_RETURN_IF_ERROR(AppendWrapped((*cells)[i], batch.columns[i]));
    }
    ++batch.rows;
  }
  return batch;
}

}  // namespace afluente::warehouse::bigquery
