#pragma once

// The suite every Warehouse passes. Included by one test of each engine's folder, which
// instantiates it with that engine's factory.

#include <gtest/gtest.h>

#include <limits>

#include "warehouse/conformance.h"

namespace afluente::warehouse {

class WarehouseConformance : public ::testing::TestWithParam<EngineFactory> {
 protected:
  void SetUp() override {
    engine_ = GetParam()();
    ASSERT_NE(engine_, nullptr);
    ASSERT_TRUE(engine_->catalog().EnsureDataset("proj", "ds").ok());
    table_.name = {"proj", "ds", "t"};
    table_.function_fed = true;
    table_.columns = {Required("id", Scalar(schema::TypeKind::kInt64)),
                      Nullable("name", Scalar(schema::TypeKind::kString))};
    ASSERT_TRUE(engine_->catalog().EnsureTable(table_).ok());
  }
  Warehouse& warehouse() { return engine_->warehouse(); }

  // A commit of `count` messages with one row each, ids from `first`.
  FunctionCommit Commit(int64_t first, int64_t count) {
    FunctionCommit commit;
    commit.function = "store";
    commit.table = table_.name;
    commit.dead_letter_table = {"proj", "ds", "dead_letters"};
    for (int64_t id = first; id < first + count; ++id) {
      commit.rows.push_back({"m" + std::to_string(id), 0, {Int(id), Text("n")}});
    }
    commit.counters.stored = count;
    commit.counters.rows = count;
    commit.state = "state " + std::to_string(first + count);
    return commit;
  }

  int64_t CountRows(const std::string& table = "ds.t") {
    absl::StatusOr<Rows> rows = QueryRows(warehouse(), "SELECT COUNT(*) AS n FROM " + table);
    EXPECT_TRUE(rows.ok()) << rows.status();
    return rows.ok() ? std::get<int64_t>((*rows)[0][0].data) : -1;
  }

  std::unique_ptr<EngineUnderTest> engine_;
  TableSchema table_;
};

TEST_P(WarehouseConformance, AppendCommitsEverythingAndARestartReadsItBack) {
  FunctionCommit commit = Commit(0, 3);
  commit.counters.dropped = 2;
  commit.counters.dead_lettered = 1;
  DeadLetter letter;
  letter.message.data = std::string("\xff\0raw", 5);
  letter.message.message_id = "m9";
  letter.message.attributes = {{"k", "v\"\\\n"}};
  letter.message.ordering_key = "key";
  letter.message.publish_time = host::WallTime(std::chrono::seconds(1'700'000'000));
  letter.topic = "projects/proj/topics/Data";
  letter.error = "bad byte \xff here";
  letter.attempts = 5;
  letter.failed_at = host::WallTime(std::chrono::seconds(1'700'000'001));
  commit.dead_letters.push_back(letter);
  commit.outbox.push_back({"k1", "projects/proj/topics/dead", {"payload", {{"a", "b"}}, "o"}});
  ASSERT_TRUE(warehouse().Append(commit).ok());
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(CountRows(), 3);
    EXPECT_EQ(warehouse().Account("f", table_.name)->messages_in_table, 3);
    absl::StatusOr<std::vector<FunctionRecord>> functions = warehouse().Functions();
    ASSERT_TRUE(functions.ok()) << functions.status();
    ASSERT_EQ(functions->size(), 1u);
    EXPECT_EQ(functions->at(0).function, "store");
    EXPECT_EQ(functions->at(0).state, "state 3");
    EXPECT_EQ(functions->at(0).counters.stored, 3);
    EXPECT_EQ(functions->at(0).counters.dropped, 2);
    EXPECT_EQ(functions->at(0).counters.dead_lettered, 1);
    absl::StatusOr<std::vector<OutboxEntry>> outbox = warehouse().Outbox(10);
    ASSERT_TRUE(outbox.ok()) << outbox.status();
    ASSERT_EQ(outbox->size(), 1u);
    EXPECT_EQ(outbox->at(0).key, "k1");
    EXPECT_EQ(outbox->at(0).draft.data, "payload");
    EXPECT_EQ(outbox->at(0).draft.attributes, (event::Attributes{{"a", "b"}}));
    absl::StatusOr<Rows> letters = QueryRows(
        warehouse(),
        "SELECT message_id, topic, function, publish_time, data, ordering_key, error, attempts, "
        "state, JSON_VALUE(attributes, '$.k') AS k FROM ds.dead_letters");
    ASSERT_TRUE(letters.ok()) << letters.status();
    ASSERT_EQ(letters->size(), 1u);
    EXPECT_EQ((*letters)[0][0], Text("m9"));
    EXPECT_EQ((*letters)[0][1], Text("projects/proj/topics/Data"));
    EXPECT_EQ((*letters)[0][2], Text("store"));
    EXPECT_EQ((*letters)[0][3], Int(1'700'000'000'000'000));
    EXPECT_EQ((*letters)[0][4], Text(letter.message.data));
    EXPECT_EQ((*letters)[0][6], Text("bad byte \xEF\xBF\xBD here"));
    EXPECT_EQ((*letters)[0][7], Int(5));
    EXPECT_EQ((*letters)[0][8], Text("dead"));
    EXPECT_EQ((*letters)[0][9], Text("v\"\\\n"));
    engine_->Restart();
  }
}

TEST_P(WarehouseConformance, AFailedAppendLeavesNothing) {
  ASSERT_TRUE(warehouse().Append(Commit(0, 2)).ok());
  uint64_t version = warehouse().Versions({table_.name})->at(0).version;
  auto fails = [&](FunctionCommit commit) {
    commit.outbox.push_back({"k", "t", {}});
    commit.dead_letters.emplace_back();
    absl::Status status = warehouse().Append(std::move(commit));
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  };
  FunctionCommit null_in_required = Commit(2, 5000);
  null_in_required.rows[4999].values[0] = schema::Value();
  fails(null_in_required);
  FunctionCommit wrong_type = Commit(2, 10);
  wrong_type.rows[5].values[1] = Int(1);
  fails(wrong_type);
  FunctionCommit not_utf8 = Commit(2, 10);
  not_utf8.rows[5].values[1] = Text("\xC0\x80");
  fails(not_utf8);
  FunctionCommit too_many = Commit(2, 10);
  too_many.rows[5].values.emplace_back();
  fails(too_many);
  FunctionCommit no_table = Commit(2, 1);
  no_table.table.table = "missing";
  EXPECT_TRUE(absl::IsNotFound(warehouse().Append(no_table)));
  EXPECT_EQ(CountRows(), 2);
  EXPECT_EQ(warehouse().Functions()->at(0).state, "state 2");
  EXPECT_EQ(warehouse().Functions()->at(0).counters.stored, 2);
  EXPECT_TRUE(warehouse().Outbox(10)->empty());
  EXPECT_FALSE(engine_->catalog().FindTable({"proj", "ds", "dead_letters"}).has_value());
  EXPECT_EQ(warehouse().Versions({table_.name})->at(0).version, version);
  EXPECT_TRUE(warehouse().Append(Commit(2, 1)).ok());
  EXPECT_EQ(CountRows(), 3);
}

TEST_P(WarehouseConformance, CountersAddUpAndAnUnchangedStateStays) {
  ASSERT_TRUE(warehouse().Append(Commit(0, 2)).ok());
  FunctionCommit more;
  more.function = "store";
  more.counters.dropped = 4;
  more.counters.self_stored = 1;
  ASSERT_TRUE(warehouse().Append(more).ok());
  FunctionRecord record = warehouse().Functions()->at(0);
  EXPECT_EQ(record.state, "state 2");
  EXPECT_EQ(record.counters.stored, 2);
  EXPECT_EQ(record.counters.dropped, 4);
  EXPECT_EQ(record.counters.self_stored, 1);
  EXPECT_EQ(record.counters.rows, 2);
}

TEST_P(WarehouseConformance, VersionsChangeWithWhatTouchesTheTable) {
  auto version = [&] { return warehouse().Versions({table_.name})->at(0).version; };
  uint64_t last = version();
  auto changed = [&](const std::string& what) {
    EXPECT_GT(version(), last) << what;
    last = version();
  };
  ASSERT_TRUE(warehouse().Append(Commit(0, 2)).ok());
  changed("append");
  ASSERT_TRUE(QueryRows(warehouse(), "UPDATE ds.t SET name = 'x' WHERE id = 1").ok());
  changed("update");
  ASSERT_TRUE(QueryRows(warehouse(), "DELETE FROM ds.t WHERE id = 1").ok());
  changed("delete");
  ASSERT_TRUE(QueryRows(warehouse(), "SELECT * FROM ds.t").ok());
  EXPECT_EQ(version(), last);
  engine_->Restart();
  EXPECT_EQ(version(), last);
}

TEST_P(WarehouseConformance, RemovedMessagesAreCountedWhenTheirLastRowGoes) {
  FunctionCommit commit = Commit(0, 4);
  commit.rows.push_back({"m0", 1, {Int(100), Text("second row of m0")}});
  ASSERT_TRUE(warehouse().Append(commit).ok());
  auto removed = [&] { return warehouse().Functions()->at(0).counters.removed; };
  absl::StatusOr<std::unique_ptr<ResultStream>> outcome =
      warehouse().Query({"DELETE FROM ds.t WHERE id = 0", "proj", ""}, {}, {});
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_EQ((*outcome)->affected_rows(), 1);
  EXPECT_EQ((*outcome)->Next()->rows, 0u);
  EXPECT_EQ(removed(), 0);
  ASSERT_TRUE(QueryRows(warehouse(), "DELETE FROM ds.t WHERE id >= 3").ok());
  EXPECT_EQ(removed(), 2);
  EXPECT_EQ(warehouse().Account("f", table_.name)->messages_in_table + removed(), 4);
  ASSERT_TRUE(engine_->catalog().DropTable(table_.name).ok());
  EXPECT_EQ(removed(), 4);
}

TEST_P(WarehouseConformance, ParametersAreBoundByNameAndType) {
  ASSERT_TRUE(warehouse().Append(Commit(0, 100)).ok());
  std::vector<Parameter> parameters = {
      {"name", Scalar(schema::TypeKind::kString), Text("n")},
      {"low", Scalar(schema::TypeKind::kInt64), Int(97)},
      {"unused", Scalar(schema::TypeKind::kInt64), Int(1)},
  };
  const std::string sql =
      "SELECT id FROM ds.t WHERE id >= @low AND name = @name AND @LOW > 0 ORDER BY id";
  absl::StatusOr<Rows> rows = QueryRows(warehouse(), sql, parameters);
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_EQ(*rows, (Rows{{Int(97)}, {Int(98)}, {Int(99)}}));
  parameters[0].value = Text("' OR '1'='1");
  EXPECT_TRUE(QueryRows(warehouse(), sql, parameters)->empty());
  parameters[0].value = schema::Value();
  EXPECT_TRUE(QueryRows(warehouse(), sql, parameters)->empty());
  parameters.erase(parameters.begin());
  absl::Status missing = QueryRows(warehouse(), sql, parameters).status();
  EXPECT_TRUE(absl::IsInvalidArgument(missing)) << missing;
  EXPECT_NE(std::string(missing.message()).find("name"), std::string::npos) << missing;
}

TEST_P(WarehouseConformance, RowsMaxStopsAndManyRowsComeInOrder) {
  ASSERT_TRUE(warehouse().Append(Commit(0, 10'000)).ok());
  absl::StatusOr<Rows> rows = QueryRows(warehouse(), "SELECT id FROM ds.t ORDER BY id DESC");
  ASSERT_TRUE(rows.ok()) << rows.status();
  ASSERT_EQ(rows->size(), 10'000u);
  for (int64_t i = 0; i < 10'000; ++i) EXPECT_EQ((*rows)[i][0], Int(9'999 - i));
  for (uint64_t max : {0u, 1u, 2'049u, 10'000u, 20'000u}) {
    QueryLimits limits;
    limits.rows_max = max;
    rows = QueryRows(warehouse(), "SELECT id, name, [name] AS a FROM ds.t", {}, limits);
    ASSERT_TRUE(rows.ok()) << rows.status();
    EXPECT_EQ(rows->size(), std::min<uint64_t>(max, 10'000));
  }
}

TEST_P(WarehouseConformance, AStatementIsDescribedWithoutRunning) {
  absl::StatusOr<StatementFacts> facts =
      warehouse().Describe({"SELECT id + 1 AS next, name FROM ds.t WHERE id = @id", "proj", ""},
                           {{"id", Scalar(schema::TypeKind::kInt64), {}}});
  ASSERT_TRUE(facts.ok()) << facts.status();
  ASSERT_EQ(facts->columns.size(), 2u);
  EXPECT_EQ(facts->columns[0].name, "next");
  EXPECT_EQ(facts->columns[0].type, Scalar(schema::TypeKind::kInt64));
  EXPECT_EQ(facts->columns[1].type, Scalar(schema::TypeKind::kString));
  EXPECT_EQ(facts->parameters, std::vector<std::string>{"id"});
  EXPECT_EQ(facts->tables_read, std::vector<TableName>{table_.name});
  EXPECT_TRUE(facts->query);
  EXPECT_TRUE(facts->deterministic);
  facts = warehouse().Describe({"DELETE FROM ds.t WHERE TRUE", "proj", ""}, {});
  ASSERT_TRUE(facts.ok()) << facts.status();
  EXPECT_FALSE(facts->query);
  EXPECT_EQ(facts->tables_written, std::vector<TableName>{table_.name});
  EXPECT_TRUE(absl::IsInvalidArgument(warehouse().Describe({"SELEC 1", "proj", ""}, {}).status()));
}

}  // namespace afluente::warehouse
