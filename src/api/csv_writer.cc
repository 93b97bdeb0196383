#include "api/csv_writer.h"

#include "warehouse/row_json.h"

namespace afluente::api {
namespace {

using schema::TypeKind;

void AppendField(std::string& out, std::string_view text) {
  const bool plain = !text.empty() && text.find_first_of(",\"\r\n") == std::string_view::npos;
  if (plain) {
    out += text;
    return;
  }
  out += '"';
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

void AppendValue(std::string& out, const warehouse::ColumnVector& column, size_t i) {
  if (column.IsNull(i)) return;
  switch (column.type.kind) {
    case TypeKind::kString:
    case TypeKind::kNumeric:
    case TypeKind::kBigNumeric:
    case TypeKind::kInterval:
      return AppendField(out, column.Bytes(i));
    case TypeKind::kArray:
    case TypeKind::kStruct:
    case TypeKind::kRange:
    case TypeKind::kJson: {
      std::string json;
      warehouse::AppendJsonValue(column, i, json);
      return AppendField(out, json);
    }
    default: {
      // Numbers and words need no quotes in JSON; the others' text has nothing to escape.
      const size_t start = out.size();
      warehouse::AppendJsonValue(column, i, out);
      if (out[start] != '"') return;
      out.pop_back();
      out.erase(start, 1);
      if (out.size() == start) out += "\"\"";
    }
  }
}

}  // namespace

void AppendCsvHeader(std::string& out, const std::vector<schema::Column>& columns) {
  for (size_t i = 0; i < columns.size(); ++i) {
    if (i != 0) out += ',';
    AppendField(out, columns[i].name);
  }
  out += "\r\n";
}

void AppendCsvRow(std::string& out, const warehouse::ColumnBatch& batch, size_t row) {
  for (size_t i = 0; i < batch.columns.size(); ++i) {
    if (i != 0) out += ',';
    AppendValue(out, batch.columns[i], row);
  }
  out += "\r\n";
}

}  // namespace afluente::api
