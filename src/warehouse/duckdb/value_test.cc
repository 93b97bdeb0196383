#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "warehouse/conformance.h"
#include "warehouse/duckdb/test_database.h"

namespace afluente::warehouse::duckdb {
namespace {

using schema::Type;
using schema::TypeKind;
using schema::Value;

Value List(std::vector<Value> values) { return Value(Value::List(std::move(values))); }

// Stores each value through Append, reads it back, and reads it bound as a parameter.
void RoundTrip(const Type& type, const std::vector<Value>& values) {
  SCOPED_TRACE(type.ToString());
  TestDatabase database;
  ASSERT_TRUE(database.catalog().EnsureDataset("proj", "ds").ok());
  TableSchema table;
  table.name = {"proj", "ds", "t"};
  table.columns = {Nullable("row", Scalar(TypeKind::kInt64)), Nullable("v", type)};
  absl::Status made = database.catalog().EnsureTable(table);
  ASSERT_TRUE(made.ok()) << made;
  FunctionCommit commit;
  commit.function = "f";
  commit.table = table.name;
  for (size_t i = 0; i < values.size(); ++i) {
    commit.rows.push_back({"", 0, {Int(static_cast<int64_t>(i)), values[i]}});
  }
  absl::Status appended = database.warehouse().Append(commit);
  ASSERT_TRUE(appended.ok()) << appended;
  for (int round = 0; round < 2; ++round) {
    absl::StatusOr<std::unique_ptr<ResultStream>> stream =
        database.warehouse().Query({"SELECT v FROM ds.t ORDER BY row", "proj", ""}, {}, {});
    ASSERT_TRUE(stream.ok()) << stream.status();
    EXPECT_EQ((*stream)->columns()[0].type, type);
    absl::StatusOr<Rows> rows = ReadAll(**stream);
    ASSERT_TRUE(rows.ok()) << rows.status();
    ASSERT_EQ(rows->size(), values.size());
    for (size_t i = 0; i < values.size(); ++i) EXPECT_EQ((*rows)[i][0], values[i]) << i;
    stream->reset();
    database.Reopen();
  }
  for (size_t i = 0; i < values.size(); ++i) {
    absl::StatusOr<Rows> rows =
        QueryRows(database.warehouse(), "SELECT @v AS v", {{"v", type, values[i]}});
    ASSERT_TRUE(rows.ok()) << i << " " << rows.status();
    EXPECT_EQ((*rows)[0][0], values[i]) << i;
  }
}

constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
constexpr int64_t kFirstDay = -719162;  // 0001-01-01
constexpr int64_t kLastDay = 2932896;   // 9999-12-31
constexpr int64_t kDayMicros = 86'400'000'000;

TEST(Values, Scalars) {
  const double infinity = std::numeric_limits<double>::infinity();
  RoundTrip(Scalar(TypeKind::kBool), {Value(true), Value(), Value(false)});
  RoundTrip(Scalar(TypeKind::kInt64), {Int(kMin), Int(kMax), Int(0), Value()});
  RoundTrip(Scalar(TypeKind::kFloat64),
            {Value(0.1), Value(-0.0), Value(infinity), Value(-infinity), Value(5e-324),
             Value(std::numeric_limits<double>::max()), Value()});
  RoundTrip(Scalar(TypeKind::kString),
            {Text(""), Text(std::string("a\0b", 3)), Text("\xF0\x9F\x8C\x8A ñandú '\"\\"), Value(),
             Text(std::string(100'000, 'x')), Text("twelve bytes"), Text("13 bytes long")});
  RoundTrip(Scalar(TypeKind::kBytes),
            {Text(""), Text(std::string("\0\xff\xc0", 3)), Value(), Text("plain")});
  RoundTrip(Scalar(TypeKind::kJson), {Text(R"({"a":[1,2.5,null,"x"]})"), Text("null"), Value()});
}

TEST(Values, Decimals) {
  const std::string nines29(29, '9');
  const std::string nines9(9, '9');
  RoundTrip(Scalar(TypeKind::kNumeric),
            {Text("0"), Text("1.5"), Text("-0.000000001"), Text(nines29 + "." + nines9),
             Text("-" + nines29 + "." + nines9), Text("100"), Value()});
  // Also as parameters, so no more digits than queries compute with.
  const std::string nines20(20, '9');
  const std::string nines18(18, '9');
  RoundTrip(Scalar(TypeKind::kBigNumeric),
            {Text("0"), Text("-1.5"), Text(nines20 + "." + nines18),
             Text("-" + nines20 + "." + nines18), Text("0.000000000000000001"), Value()});
}

TEST(Values, Times) {
  RoundTrip(Scalar(TypeKind::kDate), {Int(0), Int(kFirstDay), Int(kLastDay), Value()});
  RoundTrip(Scalar(TypeKind::kTime), {Int(0), Int(kDayMicros - 1), Value()});
  for (TypeKind kind : {TypeKind::kDatetime, TypeKind::kTimestamp}) {
    RoundTrip(Scalar(kind), {Int(0), Int(-1), Int(kFirstDay * kDayMicros),
                             Int((kLastDay + 1) * kDayMicros - 1), Value()});
  }
}

// Table ds.t with one column `v` of these values.
void StoreBigNumerics(TestDatabase& database, const std::vector<Value>& values) {
  ASSERT_TRUE(database.catalog().EnsureDataset("proj", "ds").ok());
  TableSchema table;
  table.name = {"proj", "ds", "t"};
  table.columns = {Nullable("v", Scalar(TypeKind::kBigNumeric))};
  ASSERT_TRUE(database.catalog().EnsureTable(table).ok());
  FunctionCommit commit;
  commit.function = "f";
  commit.table = table.name;
  for (const Value& value : values) commit.rows.push_back({"", 0, {value}});
  ASSERT_TRUE(database.warehouse().Append(commit).ok());
}

TEST(Values, BigNumericsBeyondWhatQueriesComputeFailInsteadOfRounding) {
  TestDatabase database;
  StoreBigNumerics(database, {Text("0.0000000000000000001")});
  absl::Status status = QueryRows(database.warehouse(), "SELECT v + 1 AS w FROM ds.t").status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_NE(std::string(status.message()).find("more digits"), std::string::npos) << status;
  EXPECT_TRUE(QueryRows(database.warehouse(), "SELECT COUNT(*) AS n FROM ds.t").ok());
}

TEST(Values, BigNumericsThatAreOnlyShownAreExactAndSortAsNumbers) {
  TestDatabase database;
  StoreBigNumerics(database, {Text("10"), Text("9.5"), Text("-3")});
  for (const char* order : {"v", "1"}) {
    auto rows =
        QueryRows(database.warehouse(), std::string("SELECT v FROM ds.t ORDER BY ") + order);
    ASSERT_TRUE(rows.ok()) << rows.status();
    const std::vector<std::vector<Value>> expected = {{Text("-3")}, {Text("9.5")}, {Text("10")}};
    EXPECT_EQ(*rows, expected) << order;
  }
}

TEST(Values, BigNumericsKeepAllTheirDigits) {
  const std::string nines38(38, '9');
  const Value longest = Text("-" + nines38 + "." + nines38);
  TestDatabase database;
  StoreBigNumerics(database, {longest});
  for (const char* query :
       {"SELECT v FROM ds.t", "SELECT * FROM ds.t", "SELECT t.v AS w FROM ds.t"}) {
    auto rows = QueryRows(database.warehouse(), query);
    ASSERT_TRUE(rows.ok()) << rows.status();
    EXPECT_EQ((*rows)[0][0], longest) << query;
  }
}

TEST(Values, NestedOnes) {
  RoundTrip(
      Type::Array(Scalar(TypeKind::kString)),
      {List({}), List({Text("a"), Text("")}), List({Text("a string of some length")}), List({})});
  Type point = Type::Struct({{"x", Scalar(TypeKind::kInt64)},
                             {"name of it", Scalar(TypeKind::kBigNumeric)},
                             {"tags", Type::Array(Scalar(TypeKind::kNumeric))}});
  std::vector<Value> points = {
      List({Int(1), Text("2.5"), List({Text("1"), Text("0.5")})}),
      List({Value(), Value(), List({})}),
      List({Int(kMin), Text("-3"), List({Text("7")})}),
  };
  RoundTrip(point, points);
  RoundTrip(Type::Array(point), {List({points[0], points[1]}), List({}), List({points[2]})});
  RoundTrip(Type::Struct({{"inner", Type::Array(point)}}),
            {List({List({points[2]})}), List({List({})}), List({List(points)})});
}

TEST(Values, ManyRowsWithNullsAcrossChunks) {
  std::vector<Value> values;
  for (int64_t i = 0; i < 5000; ++i) values.push_back(i % 3 == 0 ? Value() : Int(i));
  TestDatabase database;
  ASSERT_TRUE(database.catalog().EnsureDataset("proj", "ds").ok());
  TableSchema table;
  table.name = {"proj", "ds", "t"};
  table.columns = {Nullable("v", Scalar(TypeKind::kInt64)),
                   Nullable("l", Type::Array(Scalar(TypeKind::kInt64)))};
  ASSERT_TRUE(database.catalog().EnsureTable(table).ok());
  FunctionCommit commit;
  commit.function = "f";
  commit.table = table.name;
  for (const Value& value : values) {
    commit.rows.push_back({"", 0, {value, value.is_null() ? List({}) : List({value, value})}});
  }
  ASSERT_TRUE(database.warehouse().Append(commit).ok());
  absl::StatusOr<Rows> rows = QueryRows(database.warehouse(), "SELECT v, l FROM ds.t");
  ASSERT_TRUE(rows.ok()) << rows.status();
  ASSERT_EQ(rows->size(), values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    ASSERT_EQ((*rows)[i][0], values[i]) << i;
    ASSERT_EQ((*rows)[i][1], commit.rows[i].values[1]) << i;
  }
}

TEST(Values, WhatDoesNotFitIsRefused) {
  TestDatabase database;
  ASSERT_TRUE(database.catalog().EnsureDataset("proj", "ds").ok());
  auto refuses = [&](const Type& type, Value value) {
    TableSchema table;
    table.name = {"proj", "ds", "t"};
    table.columns = {Nullable("v", type)};
    ASSERT_TRUE(database.catalog().EnsureTable(table).ok());
    FunctionCommit commit;
    commit.function = "f";
    commit.table = table.name;
    commit.rows.push_back({"", 0, {value}});
    absl::Status status = database.warehouse().Append(commit);
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << type.ToString() << " " << status;
    EXPECT_NE(std::string(status.message()).find("column v"), std::string::npos) << status;
    status = QueryRows(database.warehouse(), "SELECT @v AS v", {{"v", type, value}}).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << type.ToString() << " " << status;
    ASSERT_TRUE(database.catalog().DropTable(table.name).ok());
  };
  refuses(Scalar(TypeKind::kDate), Int(kLastDay + 1));
  refuses(Scalar(TypeKind::kDate), Int(kFirstDay - 1));
  refuses(Scalar(TypeKind::kTime), Int(kDayMicros));
  refuses(Scalar(TypeKind::kTimestamp), Int(kMax));
  refuses(Scalar(TypeKind::kNumeric), Text("1" + std::string(29, '0')));
  refuses(Scalar(TypeKind::kNumeric), Text("0.0000000001"));
  refuses(Scalar(TypeKind::kNumeric), Text("abc"));
  refuses(Scalar(TypeKind::kBigNumeric), Text("1" + std::string(39, '0')));
  refuses(Scalar(TypeKind::kString), Text("\xED\xA0\x80"));
  refuses(Scalar(TypeKind::kInt64), Text("1"));
  refuses(Scalar(TypeKind::kInt64), List({}));
  refuses(Scalar(TypeKind::kString), Int(1));
  refuses(Type::Struct({{"a", Scalar(TypeKind::kInt64)}}), List({Int(1), Int(2)}));
}

}  // namespace
}  // namespace afluente::warehouse::duckdb
