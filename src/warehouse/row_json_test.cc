#include "warehouse/row_json.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace afluente::warehouse {
namespace {

using schema::Type;
using schema::TypeKind;

ColumnVector Scalar(TypeKind kind) {
  ColumnVector column;
  column.type = {kind, {}};
  return column;
}

ColumnVector Ints(TypeKind kind, std::vector<int64_t> values) {
  ColumnVector column = Scalar(kind);
  column.valid.assign(values.size(), 1);
  column.ints = std::move(values);
  return column;
}

ColumnVector Texts(TypeKind kind, const std::vector<std::string>& values) {
  ColumnVector column = Scalar(kind);
  column.offsets = {0};
  for (const std::string& value : values) {
    column.valid.push_back(1);
    column.bytes += value;
    column.offsets.push_back(column.bytes.size());
  }
  return column;
}

std::string Json(const ColumnVector& column, size_t row = 0) {
  std::string out;
  AppendJsonValue(column, row, out);
  return out;
}

TEST(RowJsonTest, ScalarsAsBigQueryPrintsThem) {
  EXPECT_EQ(Json(Ints(TypeKind::kInt64, {std::numeric_limits<int64_t>::min()})),
            "-9223372036854775808");
  EXPECT_EQ(Json(Ints(TypeKind::kBool, {1})), "true");
  EXPECT_EQ(Json(Ints(TypeKind::kDate, {0})), "\"1970-01-01\"");
  EXPECT_EQ(Json(Ints(TypeKind::kTimestamp, {1'500'000})), "\"1970-01-01T00:00:01.500Z\"");
  EXPECT_EQ(Json(Texts(TypeKind::kNumeric, {"12.5"})), "\"12.5\"");
  EXPECT_EQ(Json(Texts(TypeKind::kBytes, {"\xff"})), "\"/w==\"");
  EXPECT_EQ(Json(Texts(TypeKind::kJson, {"{\"a\":[1]}"})), "{\"a\":[1]}");
  EXPECT_EQ(Json(Texts(TypeKind::kString, {"a\"\n\x01\xff"})), "\"a\\\"\\n\\u0001\xEF\xBF\xBD\"");
}

TEST(RowJsonTest, FloatsThatAreNoJsonNumbersAreStrings) {
  ColumnVector column = Scalar(TypeKind::kFloat64);
  column.valid = {1, 1, 1, 0};
  column.doubles = {0.1, std::nan(""), -std::numeric_limits<double>::infinity(), 0};
  EXPECT_EQ(Json(column, 0), "0.1");
  EXPECT_EQ(Json(column, 1), "\"NaN\"");
  EXPECT_EQ(Json(column, 2), "\"-Infinity\"");
  EXPECT_EQ(Json(column, 3), "null");
}

TEST(RowJsonTest, NestedValues) {
  ColumnVector array = Scalar(TypeKind::kArray);
  array.type = Type::Array({TypeKind::kInt64, {}});
  array.valid = {1, 1};
  array.offsets = {0, 2, 2};
  array.children = {Ints(TypeKind::kInt64, {7, 8})};
  EXPECT_EQ(Json(array, 0), "[7,8]");
  EXPECT_EQ(Json(array, 1), "[]");

  ColumnVector record = Scalar(TypeKind::kStruct);
  record.type = Type::Struct({{"a", {TypeKind::kInt64, {}}}, {"b", array.type}});
  record.valid = {1, 1};
  record.children = {Ints(TypeKind::kInt64, {1, 2}), array};
  EXPECT_EQ(Json(record, 0), "{\"a\":1,\"b\":[7,8]}");
}

TEST(RowJsonTest, ARowIsAnObjectByColumnName) {
  const RowJsonWriter writer(
      {{"a", {TypeKind::kInt64, {}}, {}, ""}, {"b\"", {TypeKind::kString, {}}, {}, ""}});
  ColumnBatch batch;
  batch.rows = 1;
  batch.columns = {Ints(TypeKind::kInt64, {1}), Texts(TypeKind::kString, {"x"})};
  std::string out;
  writer.AppendRow(batch, 0, out);
  EXPECT_EQ(out, "{\"a\":1,\"b\\\"\":\"x\"}");
}

}  // namespace
}  // namespace afluente::warehouse
