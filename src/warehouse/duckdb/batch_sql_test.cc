#include <gtest/gtest.h>

#include "warehouse/conformance.h"
#include "warehouse/duckdb/duckdb_batch_sql.h"

namespace afluente::warehouse::duckdb {
namespace {

using schema::Mode;
using schema::Type;
using schema::TypeKind;
using schema::Value;

event::Message Message(std::string data) {
  event::Message message;
  message.data = std::move(data);
  message.attributes = {{"kind", "action"}};
  message.message_id = "id";
  message.publish_time = host::WallTime(std::chrono::seconds(1'700'000'000));
  message.ordering_key = "key";
  return message;
}

class BatchSqlTest : public ::testing::Test {
 protected:
  static TableSchema Target(std::vector<schema::Column> columns) {
    TableSchema table;
    table.name = {"proj", "ds", "t"};
    table.columns = std::move(columns);
    return table;
  }
  absl::StatusOr<std::vector<TransformedRow>> Run(const std::string& sql, const TableSchema& target,
                                                  const std::vector<std::string>& bodies) {
    absl::StatusOr<std::unique_ptr<BatchSql>> compiled = compiler_.Compile(sql, target);
    if (!compiled.ok()) return compiled.status();
    std::vector<event::Message> messages;
    for (const std::string& body : bodies) messages.push_back(Message(body));
    std::vector<const event::Message*> pointers;
    for (const event::Message& message : messages) pointers.push_back(&message);
    return (*compiled)->Run(pointers, std::vector<int64_t>(messages.size(), 3));
  }
  void Refused(const std::string& sql, const TableSchema& target, const std::string& named) {
    absl::Status status = compiler_.Compile(sql, target).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << sql << ": " << status;
    EXPECT_NE(std::string(status.message()).find(named), std::string::npos) << sql << status;
  }

  DuckdbBatchSqlCompiler compiler_;
};

TEST_F(BatchSqlTest, RowsFollowTheTablesColumnsByName) {
  TableSchema target = Target(
      {Required("id", Scalar(TypeKind::kInt64)), Nullable("who", Scalar(TypeKind::kString)),
       Nullable("kind", Scalar(TypeKind::kString)), Nullable("day", Scalar(TypeKind::kDate)),
       Nullable("key", Scalar(TypeKind::kString)), Nullable("attempt", Scalar(TypeKind::kInt64)),
       Nullable("raw", Scalar(TypeKind::kBytes))});
  target.function_fed = true;
  target.columns.push_back(Nullable("_message_id", Scalar(TypeKind::kString)));
  target.columns.push_back(Nullable("_message_row", Scalar(TypeKind::kInt64)));
  auto rows =
      Run("SELECT JSON_VALUE(data, '$.who') AS who, CAST(JSON_VALUE(data, '$.id') AS INT64) AS id, "
          "JSON_VALUE(attributes, '$.kind') AS KIND, CURRENT_DATE() AS day, ordering_key AS key, "
          "delivery_attempt AS attempt, data_bytes AS raw FROM messages "
          "WHERE JSON_VALUE(data, '$.id') != '2'",
          target, {R"({"id": 1, "who": "ana"})", R"({"id": 2})", R"({"id": 3})"});
  ASSERT_TRUE(rows.ok()) << rows.status();
  ASSERT_EQ(rows->size(), 2u);
  EXPECT_EQ((*rows)[0].message_index, 0u);
  EXPECT_EQ((*rows)[0].values,
            (std::vector<Value>{Int(1), Text("ana"), Text("action"), Int(19675), Text("key"),
                                Int(3), Text(R"({"id": 1, "who": "ana"})")}));
  EXPECT_EQ((*rows)[1].message_index, 2u);
  EXPECT_EQ((*rows)[1].values[1], Value());
}

TEST_F(BatchSqlTest, OneMessageMayGiveManyRowsInOrder) {
  TableSchema target = Target({Nullable("n", Scalar(TypeKind::kInt64))});
  const std::string sql = "SELECT n FROM messages, UNNEST(GENERATE_ARRAY(1, 3)) AS n";
  auto rows = Run(sql, target, std::vector<std::string>(3000, "{}"));
  ASSERT_TRUE(rows.ok()) << rows.status();
  ASSERT_EQ(rows->size(), 9000u);
  for (size_t i = 0; i < rows->size(); ++i) {
    ASSERT_EQ((*rows)[i].message_index, i / 3);
    ASSERT_EQ((*rows)[i].values[0], Int(static_cast<int64_t>(i % 3 + 1)));
  }
  EXPECT_TRUE(Run(sql, target, {})->empty());
}

TEST_F(BatchSqlTest, ColumnsAreCoercedAsGoogleSqlDoes) {
  TableSchema target =
      Target({Nullable("a", Scalar(TypeKind::kNumeric)), Nullable("b", Scalar(TypeKind::kFloat64)),
              Nullable("c", Scalar(TypeKind::kBigNumeric)),
              Nullable("d", Scalar(TypeKind::kDatetime)), Nullable("e", Scalar(TypeKind::kDate))});
  auto rows = Run(
      "SELECT 7 AS a, 7 AS b, NUMERIC '1.50' AS c, DATE '1970-01-02' AS d, NULL AS e FROM messages",
      target, {"{}"});
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_EQ((*rows)[0].values,
            (std::vector<Value>{Text("7"), Value(7.0), Text("1.5"), Int(86'400'000'000), Value()}));
  TableSchema number = Target({Nullable("a", Scalar(TypeKind::kInt64))});
  Refused("SELECT JSON_VALUE(data, '$.a') AS a FROM messages", number, "STRING");
  Refused("SELECT 1.5 AS a FROM messages", number, "FLOAT64");
  Refused("SELECT data AS a FROM messages", number, "JSON");
}

TEST_F(BatchSqlTest, TheContractIsCheckedWhenCompiled) {
  TableSchema target =
      Target({Nullable("a", Scalar(TypeKind::kInt64)), Nullable("b", Scalar(TypeKind::kInt64))});
  Refused("SELECT 1 AS a FROM messages", target, "column b");
  Refused("SELECT 1 AS a, 2 AS b, 3 AS c FROM messages", target, "c");
  Refused("SELECT COUNT(*) AS a, 1 AS b FROM messages", target, "");
  Refused("SELECT 1 AS a, 2 AS b FROM messages LIMIT 1", target, "");
  Refused("SELECT DISTINCT 1 AS a, 2 AS b FROM messages", target, "");
  Refused("SELECT nope AS a, 2 AS b FROM messages", target, "nope");
  Refused("SELECT 1 AS a, 2 AS b", target, "");
  EXPECT_FALSE(compiler_.Compile("SELECT 1 AS a, 2 AS b FROM ds.other", target).ok());
  EXPECT_FALSE(compiler_.Compile("SELECT RAND() AS a, 2 AS b FROM messages", target).ok());
}

TEST_F(BatchSqlTest, AGuiltyMessageFailsTheBatchAndTheNextBatchRuns) {
  TableSchema target = Target({Required("a", Scalar(TypeKind::kInt64))});
  auto compiled =
      compiler_.Compile("SELECT CAST(JSON_VALUE(data, '$.a') AS INT64) AS a FROM messages", target);
  ASSERT_TRUE(compiled.ok()) << compiled.status();
  event::Message good = Message(R"({"a": "5"})");
  for (const char* body : {R"({"a": "x"})", R"({"b": 1})", R"({"a": )", "\xff\xfe", ""}) {
    event::Message bad = Message(body);
    auto rows = (*compiled)->Run({&good, &bad}, {1, 1});
    EXPECT_TRUE(absl::IsInvalidArgument(rows.status())) << body << ": " << rows.status();
    rows = (*compiled)->Run({&good}, {1});
    ASSERT_TRUE(rows.ok()) << body << ": " << rows.status();
    EXPECT_EQ(rows->at(0).values[0], Int(5));
  }
}

TEST_F(BatchSqlTest, BytesThatAreNoTextAreGivenAsBytes) {
  auto rows = Run("SELECT data_bytes AS a FROM messages",
                  Target({Nullable("a", Scalar(TypeKind::kBytes))}), {"\xff\xfe"});
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_EQ(rows->at(0).values[0], Text("\xff\xfe"));
}

TEST_F(BatchSqlTest, ATransformThatFloodsIsStopped) {
  auto rows = Run("SELECT a FROM messages, UNNEST(GENERATE_ARRAY(1, 3000000)) AS a",
                  Target({Nullable("a", Scalar(TypeKind::kInt64))}), {"{}"});
  EXPECT_TRUE(absl::IsResourceExhausted(rows.status())) << rows.status();
}

}  // namespace
}  // namespace afluente::warehouse::duckdb
