// Takes the input's first two bytes as the length of an Arrow schema message, which follows, and
// the rest as a record batch: its rows have a value for every column, or it is refused.
#include "fuzz/accepted.h"
#include "host/check.h"
#include "warehouse/arrow/arrow_rows.h"

namespace {

using afluente::schema::Column;

std::vector<Column> Columns() {
  static constexpr const char* kTypes[] = {"BOOL",
                                           "INT64",
                                           "FLOAT64",
                                           "NUMERIC",
                                           "BIGNUMERIC",
                                           "STRING",
                                           "BYTES",
                                           "DATE",
                                           "DATETIME",
                                           "TIME",
                                           "TIMESTAMP",
                                           "JSON",
                                           "INTERVAL",
                                           "RANGE<DATE>",
                                           "ARRAY<STRUCT<a INT64, b STRING>>",
                                           "ARRAY<INT64>",
                                           "STRUCT<a INT64, b STRUCT<c ARRAY<STRING>>>"};
  std::vector<Column> columns;
  for (const char* text : kTypes) {
    auto type = afluente::schema::ParseType(text);
    AFLUENTE_CHECK(type.ok());
    columns.push_back(
        {"c" + std::to_string(columns.size()), *type, afluente::schema::Mode::kNullable, ""});
  }
  return columns;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  static const std::vector<Column>& columns = *new std::vector<Column>(Columns());
  if (size < 2) return 0;
  const size_t length = bytes[0] + 256u * bytes[1];
  const std::string text(reinterpret_cast<const char*>(bytes) + 2, size - 2);
  std::vector<std::string> extra;
  auto reader =
      afluente::warehouse::arrow::ArrowRows::Create(text.substr(0, length), columns, extra);
  if (!reader.ok()) return 0;
  auto rows = (*reader)->Decode(text.substr(std::min(length, text.size())));
  afluente::fuzz::accepted = rows.ok();
  if (!rows.ok()) return 0;
  for (const auto& row : *rows) AFLUENTE_CHECK(row.size() == columns.size());
  return 0;
}
