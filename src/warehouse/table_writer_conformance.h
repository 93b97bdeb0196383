#pragma once

// The suite every TableWriter passes. Included by one test of each engine's folder, which
// instantiates it with that engine's factory.

#include <gtest/gtest.h>

#include "warehouse/conformance.h"
#include "warehouse/table_writer.h"

namespace afluente::warehouse {

class TableWriterConformance : public ::testing::TestWithParam<EngineFactory> {
 protected:
  void SetUp() override {
    engine_ = GetParam()();
    ASSERT_TRUE(engine_->catalog().EnsureDataset("proj", "ds").ok());
    table_.name = {"proj", "ds", "t"};
    table_.columns = {Required("id", Scalar(schema::TypeKind::kInt64)),
                      Nullable("name", Scalar(schema::TypeKind::kString))};
    ASSERT_TRUE(engine_->catalog().EnsureTable(table_).ok());
  }
  TableWriter& writer() { return engine_->table_writer(); }

  TableCommit Commit(std::vector<int64_t> ids) {
    TableCommit commit;
    commit.tables.emplace_back();
    commit.tables[0].table = table_.name;
    for (int64_t id : ids) commit.tables[0].rows.push_back({"", 0, {Int(id), Text("n")}});
    return commit;
  }
  Rows Ids() {
    absl::StatusOr<Rows> rows = QueryRows(engine_->warehouse(), "SELECT id FROM ds.t ORDER BY id");
    EXPECT_TRUE(rows.ok()) << rows.status();
    return rows.ok() ? *rows : Rows();
  }
  std::map<std::string, std::string> RecordsOf(std::string_view space) {
    std::map<std::string, std::string> found;
    absl::StatusOr<std::vector<DurableRecord>> records = writer().Records(space);
    EXPECT_TRUE(records.ok()) << records.status();
    for (DurableRecord& record : *records) found[record.key] = record.value;
    return found;
  }

  std::unique_ptr<EngineUnderTest> engine_;
  TableSchema table_;
};

using RecordMap = std::map<std::string, std::string>;

TEST_P(TableWriterConformance, RowsAndRecordsCommitTogetherAndSurvive) {
  TableCommit commit = Commit({1, 2});
  commit.records = {{"a", "k", "one"},
                    {"a", "k", std::string("t\0wo", 4)},
                    {"a", "gone", "x"},
                    {"a", "gone", std::nullopt},
                    {"b", "k", "other"}};
  ASSERT_EQ(*writer().Commit(commit), std::vector<int64_t>{2});
  TableCommit later;
  later.records = {{"a", "l", "new"}, {"b", "k", std::nullopt}};
  ASSERT_TRUE(writer().Commit(later).ok());
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(Ids(), (Rows{{Int(1)}, {Int(2)}}));
    EXPECT_EQ(RecordsOf("a"), (RecordMap{{"k", std::string("t\0wo", 4)}, {"l", "new"}}));
    EXPECT_TRUE(RecordsOf("b").empty());
    engine_->Restart();
  }
  TableCommit change;
  change.records = {{"a", "k", "again"}};
  ASSERT_TRUE(writer().Commit(change).ok());
  EXPECT_EQ(RecordsOf("a")["k"], "again");
}

TEST_P(TableWriterConformance, AFailedCommitLeavesNothing) {
  TableCommit commit = Commit({1});
  commit.records = {{"a", "k", "v"}};
  commit.definitions.push_back({table_, TableDefinition::Mode::kEnsure});
  commit.definitions[0].table.name.table = "new";
  commit.tables.push_back(commit.tables[0]);
  commit.tables[1].rows[0].values[0] = schema::Value();  // id is REQUIRED
  EXPECT_TRUE(absl::IsInvalidArgument(writer().Commit(commit).status()));
  EXPECT_TRUE(Ids().empty());
  EXPECT_TRUE(RecordsOf("a").empty());
  EXPECT_FALSE(engine_->catalog().FindTable({"proj", "ds", "new"}).has_value());
  commit.tables.pop_back();
  EXPECT_TRUE(writer().Commit(commit).ok());
  commit.definitions[0].mode = TableDefinition::Mode::kCreate;
  EXPECT_TRUE(absl::IsAlreadyExists(writer().Commit(commit).status()));
  EXPECT_EQ(Ids().size(), 1u);
}

class CountingSource final : public RowSource {
 public:
  absl::StatusOr<std::vector<StoredRow>> Next() override {
    std::vector<StoredRow> rows;
    for (int i = 0; i < 1000 && next_ < 3500; ++i) rows.push_back({"", 0, {Int(next_++)}});
    return rows;
  }
  absl::Status Rewind() override {
    next_ = 0;
    return absl::OkStatus();
  }

 private:
  int64_t next_ = 7;
};

TEST_P(TableWriterConformance, TruncateSourcesAndQueries) {
  ASSERT_TRUE(writer().Commit(Commit({1, 2})).ok());
  CountingSource source;
  TableCommit commit = Commit({-1});
  commit.tables[0].truncate = true;
  commit.tables[0].source = &source;
  EXPECT_EQ(*writer().Commit(commit), std::vector<int64_t>{3501});
  EXPECT_EQ(Ids().size(), 3501u);
  TableCommit copy = Commit({});
  copy.definitions.push_back({table_, TableDefinition::Mode::kCreate});
  copy.definitions[0].table.name.table = "copy";
  copy.tables[0].table = copy.definitions[0].table.name;
  copy.tables[0].query = {{"SELECT name, id FROM ds.t WHERE id >= @low", "proj", ""},
                          {{"low", Scalar(schema::TypeKind::kInt64), Int(3490)}}};
  EXPECT_EQ(*writer().Commit(copy), std::vector<int64_t>{10});
  copy.definitions.clear();
  copy.tables[0].query->statement.text = "SELECT 1 AS other";
  absl::Status unknown = writer().Commit(copy).status();
  EXPECT_TRUE(absl::IsInvalidArgument(unknown)) << unknown;
  EXPECT_NE(std::string(unknown.message()).find("other"), std::string::npos) << unknown;
}

TEST_P(TableWriterConformance, ADmlStatementCommitsWithItsRecords) {
  ASSERT_TRUE(writer().Commit(Commit({1, 2, 3})).ok());
  auto done = [](std::optional<int64_t> affected) {
    return std::vector<RecordChange>{{"jobs", "j", std::to_string(affected.value_or(-1))}};
  };
  ASSERT_TRUE(writer().Run({"DELETE FROM ds.t WHERE id > 1", "proj", ""}, {}, {}, done).ok());
  EXPECT_EQ(RecordsOf("jobs")["j"], "2");
  EXPECT_FALSE(writer()
                   .Run({"DELETE FROM ds.t WHERE 1 / 0 > id", "proj", ""}, {}, {},
                        [](auto) { return std::vector<RecordChange>{{"jobs", "k", "x"}}; })
                   .ok());
  EXPECT_EQ(RecordsOf("jobs").size(), 1u);
}

TEST_P(TableWriterConformance, ATableOfAFunctionTakesRowsOfNoMessage) {
  TableSchema fed = table_;
  fed.name.table = "fed";
  fed.function_fed = true;
  ASSERT_TRUE(engine_->catalog().EnsureTable(fed).ok());
  TableCommit commit = Commit({5});
  commit.tables[0].table = fed.name;
  ASSERT_TRUE(writer().Commit(commit).ok());
  EXPECT_EQ(engine_->warehouse().Account("f", fed.name)->messages_in_table, 0);
  absl::StatusOr<Rows> rows = QueryRows(engine_->warehouse(), "SELECT _message_id FROM ds.fed");
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_TRUE((*rows)[0][0].is_null());
}

}  // namespace afluente::warehouse
