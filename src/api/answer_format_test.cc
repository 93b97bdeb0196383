#include "api/answer_format.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "api/csv_writer.h"
#include "api/fake_warehouse.h"
#include "warehouse/row_json.h"

namespace afluente::api {
namespace {

using schema::TypeKind;
using warehouse::ColumnVector;

std::string Json(const ColumnVector& column, size_t i = 0) {
  std::string out;
  warehouse::AppendJsonValue(column, i, out);
  return out;
}

ColumnVector List(ColumnVector elements, std::vector<uint32_t> offsets) {
  ColumnVector list;
  list.type = schema::Type::Array(elements.type);
  list.valid.assign(offsets.size() - 1, 1);
  list.offsets = std::move(offsets);
  list.children.push_back(std::move(elements));
  return list;
}

ColumnVector Record(std::vector<std::pair<std::string, ColumnVector>> fields) {
  ColumnVector record;
  record.valid.assign(fields[0].second.size(), 1);
  std::vector<schema::Field> types;
  for (auto& [name, column] : fields) {
    types.push_back({name, column.type});
    record.children.push_back(std::move(column));
  }
  record.type = schema::Type::Struct(std::move(types));
  return record;
}

TEST(JsonAnswer, Scalars) {
  EXPECT_EQ(Json(Ints({1}, TypeKind::kBool)), "true");
  EXPECT_EQ(Json(Ints({0}, TypeKind::kBool)), "false");
  EXPECT_EQ(Json(Ints({std::numeric_limits<int64_t>::min()})), "-9223372036854775808");
  EXPECT_EQ(Json(Doubles({0.1})), "0.1");
  EXPECT_EQ(Json(Doubles({1.0 / 3})), "0.3333333333333333");
  EXPECT_EQ(Json(Doubles({1e300})), "1e+300");
  EXPECT_EQ(Json(Doubles({-0.0})), "-0");
  EXPECT_EQ(Json(Doubles({NAN})), "\"NaN\"");
  EXPECT_EQ(Json(Doubles({INFINITY})), "\"Infinity\"");
  EXPECT_EQ(Json(Doubles({-INFINITY})), "\"-Infinity\"");
  EXPECT_EQ(Json(Texts({"123.450000001"}, TypeKind::kNumeric)), "\"123.450000001\"");
  EXPECT_EQ(Json(Texts({"a\"\n\xff"})), "\"a\\\"\\n\xef\xbf\xbd\"");
  EXPECT_EQ(Json(Texts({std::string("\0\xff", 2)}, TypeKind::kBytes)), "\"AP8=\"");
}

TEST(JsonAnswer, DatesAndTimes) {
  EXPECT_EQ(Json(Ints({0}, TypeKind::kDate)), "\"1970-01-01\"");
  EXPECT_EQ(Json(Ints({-719162}, TypeKind::kDate)), "\"0001-01-01\"");
  EXPECT_EQ(Json(Ints({3'723'000'000}, TypeKind::kTime)), "\"01:02:03\"");
  EXPECT_EQ(Json(Ints({1'500'000}, TypeKind::kDatetime)), "\"1970-01-01T00:00:01.500\"");
  EXPECT_EQ(Json(Ints({-1}, TypeKind::kTimestamp)), "\"1969-12-31T23:59:59.999999Z\"");
  EXPECT_EQ(Json(Ints({1'000'000}, TypeKind::kTimestamp)), "\"1970-01-01T00:00:01Z\"");
}

TEST(JsonAnswer, NullIsNullInEveryType) {
  for (const TypeKind kind : {TypeKind::kBool, TypeKind::kInt64, TypeKind::kFloat64,
                              TypeKind::kString, TypeKind::kTimestamp, TypeKind::kArray}) {
    ColumnVector column;
    column.type.kind = kind;
    column.valid = {0};
    EXPECT_EQ(Json(column), "null");
  }
}

TEST(JsonAnswer, JsonIsItselfOnOneLine) {
  EXPECT_EQ(Json(Texts({"{\"a\":\n [1,\r\n2]}"}, TypeKind::kJson)), "{\"a\":  [1,  2]}");
  EXPECT_EQ(Json(Texts({"{\"a\": 12345678901234567890.10}"}, TypeKind::kJson)),
            "{\"a\": 12345678901234567890.10}");
  EXPECT_EQ(Json(Texts({"{broken"}, TypeKind::kJson)), "\"{broken\"");
  EXPECT_EQ(Json(Texts({""}, TypeKind::kJson)), "\"\"");
}

TEST(JsonAnswer, NestedValues) {
  ColumnVector names = Texts({"a", "b", "c"});
  names.valid[1] = 0;
  const ColumnVector records =
      Record({{"n", Ints({1, 2, 3})}, {"", names}, {"x\"y", List(Ints({7, 8}), {0, 0, 2, 2})}});
  const ColumnVector lists = List(records, {0, 3, 3});
  EXPECT_EQ(Json(lists, 0),
            "[{\"n\":1,\"_field_2\":\"a\",\"x\\\"y\":[]},"
            "{\"n\":2,\"_field_2\":null,\"x\\\"y\":[7,8]},"
            "{\"n\":3,\"_field_2\":\"c\",\"x\\\"y\":[]}]");
  EXPECT_EQ(Json(lists, 1), "[]");
}

TEST(CsvAnswer, QuotesAndNulls) {
  ColumnVector texts = Texts({"plain", "", "a,\"b\"\r\n", "x"});
  texts.valid[3] = 0;
  const warehouse::ColumnBatch batch =
      Batch({texts, Ints({0, 1'500'000, 2, 3}, TypeKind::kTimestamp),
             Texts({"AA", "", "B", "C"}, TypeKind::kBytes), List(Ints({1, 2}), {0, 0, 2, 2, 2})});
  std::string out;
  AppendCsvHeader(out,
                  {{"a,b", {}, {}, ""}, {"t", {}, {}, ""}, {"", {}, {}, ""}, {"l", {}, {}, ""}});
  for (size_t row = 0; row < batch.rows; ++row) AppendCsvRow(out, batch, row);
  EXPECT_EQ(out,
            "\"a,b\",t,\"\",l\r\n"
            "plain,1970-01-01T00:00:00Z,QUE=,[]\r\n"
            "\"\",1970-01-01T00:00:01.500Z,\"\",\"[1,2]\"\r\n"
            "\"a,\"\"b\"\"\r\n\",1970-01-01T00:00:00.000002Z,Qg==,[]\r\n"
            ",1970-01-01T00:00:00.000003Z,Qw==,[]\r\n");
}

TEST(NegotiateFormat, TheClosestRangeDecides) {
  constexpr auto kJson = AnswerFormat::kJson;
  constexpr auto kCsv = AnswerFormat::kCsv;
  constexpr auto kNdjson = AnswerFormat::kNdjson;
  const std::vector<std::pair<std::string, std::optional<AnswerFormat>>> table = {
      {"", kJson},
      {"  ", kJson},
      {"*/*", kJson},
      {"TEXT/CSV", kCsv},
      {"text/*", kCsv},
      {"application/ndjson", kNdjson},
      {"application/json;q=0.5, text/csv", kCsv},
      {"application/json;q=0.5, text/csv;q=0.4", kJson},
      {"*/*;q=0.9, application/json;q=0", kNdjson},
      {"application/*;q=0.1, application/x-ndjson;q=0.2", kNdjson},
      {"text/csv; header=present; q=1", kCsv},
      {"text/html", std::nullopt},
      {"*/*;q=0", std::nullopt},
      {"text/csv;q=x", std::nullopt},
      {"text/csv;q=7", std::nullopt},
      {",,;;,text/csv,", kCsv},
  };
  for (const auto& [accept, format] : table) EXPECT_EQ(NegotiateFormat(accept), format) << accept;
}

}  // namespace
}  // namespace afluente::api
