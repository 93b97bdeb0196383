#include "warehouse/bigquery/bigquery_warehouse.h"

#include <gtest/gtest.h>

#include <thread>

#include "host/cancellation.h"
#include "warehouse/bigquery/bigquery_catalog.h"
#include "warehouse/bigquery/fake_bigquery.h"
#include "warehouse/conformance.h"

namespace afluente::warehouse::bigquery {
namespace {

using nlohmann::json;
using schema::TypeKind;
using schema::Value;
using std::chrono::milliseconds;

json Field(const std::string& name, const std::string& type, const std::string& mode = "NULLABLE") {
  return {{"name", name}, {"type", type}, {"mode", mode}};
}

json Cells(const std::vector<json>& values) {
  json cells = json::array();
  for (const json& value : values) cells.push_back({{"v", value}});
  return {{"f", std::move(cells)}};
}

json OneColumn(const std::vector<json>& rows, const std::string& token = "") {
  json answer = {{"jobComplete", true},
                 {"jobReference", {{"jobId", "j1"}, {"location", "US"}}},
                 {"schema", {{"fields", {Field("n", "INTEGER")}}}},
                 {"rows", json::array()}};
  for (const json& row : rows) answer["rows"].push_back(Cells({row}));
  if (!token.empty()) answer["pageToken"] = token;
  return answer;
}

class BigqueryWarehouseTest : public testing::Test {
 protected:
  BigqueryWarehouseTest()
      : rest_(
            google_.pool(), [] { return "token-1"; }, clock_, Options()),
        catalog_(rest_, "US"),
        writer_([] { return ""; }, clock_, {.endpoint = "127.0.0.1:1", .plaintext = true}),
        warehouse_(rest_, catalog_, writer_,
                   {.project = "proj",
                    .location = "US",
                    .maximum_bytes_billed = 1'000'000,
                    .labels = {{"afluente", "api"}},
                    .use_query_cache = true,
                    .page_rows = 2}) {}

  RestOptions Options() const {
    return {.endpoint = google_.endpoint(),
            .attempt_timeout = milliseconds(60'000),
            .pause_first = milliseconds(1),
            .pause_max = milliseconds(2),
            .quota_pause = milliseconds(60'000)};
  }
  absl::StatusOr<Rows> Ask(const std::string& sql, const std::vector<Parameter>& parameters = {},
                           const QueryLimits& limits = {}) {
    return QueryRows(warehouse_, sql, parameters, limits);
  }

  host::SystemClock clock_;
  FakeBigquery google_;
  RestClient rest_;
  BigqueryCatalog catalog_;
  StorageWriter writer_;
  BigqueryWarehouse warehouse_;
};

TEST_F(BigqueryWarehouseTest, EachTypeIsRead) {
  json inner = Field("s", "RECORD");
  inner["fields"] = {Field("a", "INTEGER"), Field("b", "STRING")};
  google_.Answer(
      200,
      {{"jobComplete", true},
       {"schema",
        {{"fields",
          {Field("i", "INTEGER"), Field("f", "FLOAT"), Field("o", "BOOLEAN"), Field("t", "STRING"),
           Field("y", "BYTES"), Field("d", "DATE"), Field("dt", "DATETIME"), Field("ti", "TIME"),
           Field("ts", "TIMESTAMP"), Field("n", "NUMERIC"), Field("j", "JSON"),
           Field("l", "INTEGER", "REPEATED"), inner, Field("z", "STRING")}}}},
       {"rows",
        {Cells({"-7", "2.5", "true", "añ", "AAE=", "1970-01-02", "1970-01-01T00:00:01",
                "00:00:00.5", "1000001", "1.5", R"({"a": 1})",
                json::array({{{"v", "1"}}, {{"v", "2"}}}), Cells({"3", nullptr}), nullptr})}}});
  const auto rows = Ask("SELECT everything");
  ASSERT_TRUE(rows.ok()) << rows.status();
  ASSERT_EQ(rows->size(), 1u);
  const std::vector<Value> wanted = {Int(-7),
                                     Value(2.5),
                                     Value(true),
                                     Text("añ"),
                                     Text(std::string("\0\1", 2)),
                                     Int(1),
                                     Int(1'000'000),
                                     Int(500'000),
                                     Int(1'000'001),
                                     Text("1.5"),
                                     Text(R"({"a": 1})"),
                                     Value(Value::List{Int(1), Int(2)}),
                                     Value(Value::List{Int(3), Value()}),
                                     Value()};
  EXPECT_EQ((*rows)[0], wanted);
}

TEST_F(BigqueryWarehouseTest, AQuestionCarriesWhatBigQueryNeeds) {
  google_.Answer(200, OneColumn({"1"}));
  const std::vector<Parameter> parameters = {
      {"day", Scalar(TypeKind::kDate), Int(1)},
      {"ids", schema::Type::Array(Scalar(TypeKind::kInt64)), Value(Value::List{Int(5)})},
      {"none", Scalar(TypeKind::kString), Value()}};
  ASSERT_TRUE(Ask("SELECT @day, @ids, @none", parameters).ok());
  const FakeBigquery::Asked asked = google_.asked().at(0);
  EXPECT_EQ(asked.method, "POST");
  EXPECT_EQ(asked.target, "/bigquery/v2/projects/proj/queries");
  EXPECT_EQ(asked.authorization, "Bearer token-1");
  EXPECT_EQ(asked.body["useLegacySql"], false);
  EXPECT_EQ(asked.body["defaultDataset"], json({{"projectId", "proj"}, {"datasetId", "ds"}}));
  EXPECT_EQ(asked.body["maximumBytesBilled"], "1000000");
  EXPECT_EQ(asked.body["labels"], json({{"afluente", "api"}}));
  EXPECT_EQ(asked.body["location"], "US");
  EXPECT_EQ(asked.body["requestId"].get<std::string>().size(), 32u);
  EXPECT_EQ(asked.body["queryParameters"], json::parse(R"([
    {"name": "day", "parameterType": {"type": "DATE"}, "parameterValue": {"value": "1970-01-02"}},
    {"name": "ids", "parameterType": {"type": "ARRAY", "arrayType": {"type": "INT64"}},
     "parameterValue": {"arrayValues": [{"value": "5"}]}},
    {"name": "none", "parameterType": {"type": "STRING"}, "parameterValue": {}}])"));
}

TEST_F(BigqueryWarehouseTest, PagesFollowEachOther) {
  google_.Answer(200, OneColumn({"1", "2"}, "p2"));
  google_.Answer(200, OneColumn({"3"}));
  const auto rows = Ask("SELECT n");
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_EQ(*rows, (Rows{{Int(1)}, {Int(2)}, {Int(3)}}));
  EXPECT_NE(google_.asked().at(1).target.find("/queries/j1?"), std::string::npos);
  EXPECT_NE(google_.asked().at(1).target.find("pageToken=p2"), std::string::npos);
}

TEST_F(BigqueryWarehouseTest, ASlowQueryIsWaitedFor) {
  const json not_yet = {{"jobComplete", false}, {"jobReference", {{"jobId", "j1"}}}};
  google_.Answer(200, not_yet);
  google_.Answer(200, not_yet);
  google_.Answer(200, OneColumn({"9"}));
  EXPECT_EQ(*Ask("SELECT n"), (Rows{{Int(9)}}));
}

TEST_F(BigqueryWarehouseTest, PastItsTimeAQueryIsCancelled) {
  google_.Answer(200, {{"jobComplete", false}, {"jobReference", {{"jobId", "j1"}}}});
  google_.KeepLast();
  const auto rows =
      Ask("SELECT n", {}, {.timeout = milliseconds(50), .rows_max = {}, .cancellation = nullptr});
  EXPECT_TRUE(absl::IsDeadlineExceeded(rows.status())) << rows.status();
  EXPECT_EQ(google_.asked().back().target, "/bigquery/v2/projects/proj/jobs/j1/cancel");
}

TEST_F(BigqueryWarehouseTest, ACallerThatGoesEndsItsQuery) {
  google_.Answer(200, {{"jobComplete", false}, {"jobReference", {{"jobId", "j1"}}}});
  google_.KeepLast();
  const auto cancellation = std::make_shared<host::Cancellation>();
  std::thread goes([&] {
    while (google_.asked().size() < 3) std::this_thread::yield();
    cancellation->Cancel();
  });
  const auto rows =
      Ask("SELECT n", {}, {.timeout = {}, .rows_max = {}, .cancellation = cancellation});
  goes.join();
  EXPECT_TRUE(absl::IsCancelled(rows.status())) << rows.status();
  EXPECT_EQ(google_.asked().back().target, "/bigquery/v2/projects/proj/jobs/j1/cancel");
}

TEST_F(BigqueryWarehouseTest, WhatPassesIsTriedAgain) {
  google_.Fail(503, "backendError");
  google_.Fail(403, "rateLimitExceeded");
  google_.Answer(200, OneColumn({"1"}));
  EXPECT_TRUE(Ask("SELECT n").ok());
  const auto asked = google_.asked();
  ASSERT_EQ(asked.size(), 3u);
  EXPECT_EQ(asked[0].body["requestId"], asked[2].body["requestId"]);
}

TEST_F(BigqueryWarehouseTest, AUsedUpQuotaOpensTheCircuit) {
  google_.Fail(403, "quotaExceeded");
  google_.KeepLast();
  const QueryLimits limits{.timeout = milliseconds(30), .rows_max = {}, .cancellation = nullptr};
  EXPECT_TRUE(absl::IsResourceExhausted(Ask("SELECT n", {}, limits).status()));
  const size_t before = google_.asked().size();
  EXPECT_TRUE(absl::IsResourceExhausted(Ask("SELECT n").status()));
  EXPECT_EQ(google_.asked().size(), before);
}

TEST_F(BigqueryWarehouseTest, ErrorsKeepTheirMeaningAndText) {
  struct Case {
    int status;
    const char* reason;
    absl::StatusCode code;
  };
  for (const Case& each : {Case{400, "invalidQuery", absl::StatusCode::kInvalidArgument},
                           Case{404, "notFound", absl::StatusCode::kNotFound},
                           Case{403, "accessDenied", absl::StatusCode::kPermissionDenied},
                           Case{400, "resourcesExceeded", absl::StatusCode::kResourceExhausted},
                           Case{409, "duplicate", absl::StatusCode::kAlreadyExists},
                           Case{401, "authError", absl::StatusCode::kUnauthenticated}}) {
    google_.Fail(each.status, each.reason, "Syntax error: Unexpected x at [1:8]");
    const auto rows = Ask("SELECT x x");
    EXPECT_EQ(rows.status().code(), each.code) << rows.status();
    EXPECT_EQ(rows.status().message(), "Syntax error: Unexpected x at [1:8]");
  }
}

TEST_F(BigqueryWarehouseTest, AnAnswerOfAnotherShapeIsTheServicesFault) {
  google_.Answer(200, OneColumn({"seven"}));
  EXPECT_TRUE(absl::IsUnavailable(Ask("SELECT n").status()));
  google_.Answer(200, OneColumn({json::array({1})}));
  EXPECT_TRUE(absl::IsUnavailable(Ask("SELECT n").status()));
}

TEST_F(BigqueryWarehouseTest, DescribeJoinsTheDryRunAndTheText) {
  google_.Answer(200, {{"statistics",
                        {{"query",
                          {{"statementType", "SELECT"},
                           {"schema", {{"fields", {Field("a", "INTEGER"), Field("b", "STRING")}}}},
                           {"referencedTables",
                            {{{"projectId", "proj"}, {"datasetId", "ds"}, {"tableId", "t"}}}}}}}}});
  google_.Answer(
      200, {{"tableReference", {{"projectId", "proj"}, {"datasetId", "ds"}, {"tableId", "t"}}},
            {"schema", {{"fields", {Field("a", "INTEGER"), Field("b", "STRING")}}}}});
  const auto facts = warehouse_.Describe(
      {"SELECT a, b FROM ds.t WHERE a = @x AND b = @y AND a > @X ORDER BY b DESC", "proj", "ds"},
      {{"x", Scalar(TypeKind::kInt64), Value()}, {"y", Scalar(TypeKind::kString), Value()}});
  ASSERT_TRUE(facts.ok()) << facts.status();
  EXPECT_EQ(google_.asked().at(0).body["configuration"]["dryRun"], true);
  EXPECT_TRUE(facts->query);
  EXPECT_TRUE(facts->deterministic);
  EXPECT_EQ(facts->parameters, (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(facts->tables_read, (std::vector<TableName>{{"proj", "ds", "t"}}));
  EXPECT_EQ(facts->columns.size(), 2u);
  ASSERT_TRUE(facts->order.has_value());
  ASSERT_EQ(facts->order->size(), 1u);
  EXPECT_EQ((*facts->order)[0].column, 1u);
  EXPECT_TRUE((*facts->order)[0].descending);
}

TEST_F(BigqueryWarehouseTest, ATableThatAFunctionFeedsHasItsKey) {
  google_.Fail(404, "notFound");
  google_.Answer(200, json::object());
  TableSchema table;
  table.name = {"proj", "ds", "t"};
  table.columns = {Required("a", Scalar(TypeKind::kInt64)),
                   Nullable("l", schema::Type::Array(Scalar(TypeKind::kString)))};
  table.partitioning = {PartitionUnit::kDay, "d"};
  table.clustering = {"a"};
  table.function_fed = true;
  ASSERT_TRUE(catalog_.EnsureTable(table).ok());
  const json sent = google_.asked().at(1).body;
  EXPECT_EQ(sent["schema"]["fields"][1], Field("l", "STRING", "REPEATED"));
  EXPECT_EQ(sent["schema"]["fields"][2]["name"], "_message_id");
  EXPECT_EQ(sent["tableConstraints"]["primaryKey"]["columns"],
            json({"_message_id", "_message_row"}));
  EXPECT_EQ(sent["timePartitioning"], json({{"type", "DAY"}, {"field", "d"}}));
}

TEST_F(BigqueryWarehouseTest, StateAndVersionsAreRefusedByName) {
  FunctionCommit commit;
  commit.state = "position 7";
  EXPECT_TRUE(absl::IsUnimplemented(warehouse_.Append(commit)));
  EXPECT_TRUE(absl::IsUnimplemented(warehouse_.Versions({}).status()));
}

}  // namespace
}  // namespace afluente::warehouse::bigquery
