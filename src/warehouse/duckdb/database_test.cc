#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <random>
#include <thread>

#include "absl/synchronization/notification.h"
#include "warehouse/conformance.h"
#include "warehouse/duckdb/test_database.h"

namespace afluente::warehouse::duckdb {
namespace {

using schema::TypeKind;

class DatabaseTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(database_.catalog().EnsureDataset("proj", "ds").ok());
    table_.name = {"proj", "ds", "t"};
    table_.function_fed = true;
    table_.columns = {Required("id", Scalar(TypeKind::kInt64)),
                      Nullable("grp", Scalar(TypeKind::kInt64))};
    ASSERT_TRUE(database_.catalog().EnsureTable(table_).ok());
  }
  absl::Status Append(int64_t first, int64_t count, int64_t group) {
    FunctionCommit commit;
    commit.function = "store";
    commit.table = table_.name;
    for (int64_t id = first; id < first + count; ++id) {
      commit.rows.push_back({"m" + std::to_string(id), 0, {Int(id), Int(group)}});
    }
    return database_.warehouse().Append(std::move(commit));
  }
  absl::StatusOr<Rows> Query(const std::string& sql, const QueryLimits& limits = {}) {
    return QueryRows(database_.warehouse(), sql, {}, limits);
  }

  TestDatabase database_;
  TableSchema table_;
};

TEST_F(DatabaseTest, SqlReachesNothingOutside) {
  for (const char* sql : {
           "SELECT * FROM read_csv('/etc/passwd')",
           "SELECT * FROM '/etc/passwd'",
           "SELECT * FROM `/etc/passwd`",
           "SELECT * FROM `proj.ds./etc/passwd`",
           "SELECT * FROM read_text('/etc/passwd')",
           "SELECT * FROM glob('/etc/*')",
           "SELECT read_text('/etc/passwd') AS x",
           "ATTACH '/tmp/other.db'",
           "COPY ds.t TO '/tmp/afluente_out.csv'",
           "EXPORT DATABASE '/tmp/afluente_out'",
           "PRAGMA database_list",
           "SET threads = 1",
           "INSTALL httpfs",
           "LOAD httpfs",
           "CALL pragma_version()",
           "SELECT getenv('HOME') AS x",
           "SELECT current_setting('threads') AS x",
           "SELECT * FROM duckdb_settings()",
           "SELECT * FROM afluente_internal.functions",
           "SELECT * FROM `afluente_internal.functions`",
           "SELECT * FROM `proj.afluente_internal.functions`",
           "SELECT * FROM sqlite_master",
           "SELECT gsql_sha512(b'x') AS x",
           "SELECT afluente_bignumeric('1') AS x",
           "INSERT INTO afluente_internal.functions VALUES ('x')",
           "DROP TABLE afluente_internal.functions",
           "CREATE MACRO f() AS 1",
       }) {
    absl::StatusOr<Rows> rows = Query(sql);
    EXPECT_FALSE(rows.ok()) << sql;
    if (rows.ok()) continue;
    std::string text(rows.status().message());
    EXPECT_FALSE(absl::IsInternal(rows.status())) << sql << ": " << text;
    EXPECT_EQ(text.find("DuckDB"), std::string::npos) << sql << ": " << text;
    EXPECT_EQ(text.find("root:"), std::string::npos) << sql << ": " << text;
  }
  EXPECT_TRUE(database_.catalog().FindTable(table_.name).has_value());
}

TEST_F(DatabaseTest, ReadersSeeOnlyWholeCommits) {
  constexpr int64_t kRows = 500;
  std::atomic<bool> done{false};
  std::atomic<int> reads{0};
  std::vector<std::thread> readers;
  for (int i = 0; i < 2; ++i) {
    readers.emplace_back([&] {
      while (!done) {
        absl::StatusOr<Rows> rows = Query(
            "SELECT grp, COUNT(*) AS n FROM ds.t GROUP BY grp HAVING COUNT(*) != 500 LIMIT 1");
        ASSERT_TRUE(rows.ok()) << rows.status();
        ASSERT_TRUE(rows->empty()) << "a reader saw part of a commit";
        ++reads;
      }
    });
  }
  int64_t group = 0;
  for (; group < 60 || reads < 20; ++group) {
    ASSERT_TRUE(Append(group * kRows, kRows, group).ok());
  }
  done = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ((*Query("SELECT COUNT(*) AS n FROM ds.t"))[0][0], Int(group * kRows));
}

TEST_F(DatabaseTest, AStreamReadsTheSnapshotOfItsStart) {
  ASSERT_TRUE(Append(0, 20'000, 1).ok());
  absl::StatusOr<std::unique_ptr<ResultStream>> stream =
      database_.warehouse().Query({"SELECT id FROM ds.t", "proj", ""}, {}, {});
  ASSERT_TRUE(stream.ok()) << stream.status();
  ASSERT_GT((*stream)->Next()->rows, 0u);
  ASSERT_TRUE(Append(20'000, 20'000, 2).ok());
  ASSERT_TRUE(Query("DELETE FROM ds.t WHERE grp = 1").ok());
  absl::StatusOr<Rows> rest = ReadAll(**stream);
  ASSERT_TRUE(rest.ok()) << rest.status();
  for (const auto& row : *rest) EXPECT_LT(std::get<int64_t>(row[0].data), 20'000);
  EXPECT_EQ((*Query("SELECT COUNT(*) AS n FROM ds.t"))[0][0], Int(20'000));
}

TEST_F(DatabaseTest, ACachedStatementSeesWhatCameSince) {
  ASSERT_TRUE(Append(0, 100, 1).ok());
  const std::vector<std::pair<std::string, int64_t>> statements = {
      {"SELECT COUNT(*) AS n FROM ds.t WHERE id >= 1000", 50},
      {"SELECT COUNT(*) AS n FROM ds.t", 150},
      {"SELECT MAX(id) AS n FROM ds.t", 1049},
      {"SELECT COUNT(*) AS n FROM (SELECT grp FROM ds.t GROUP BY grp)", 2},
      {"SELECT COUNT(*) AS n FROM ds.t AS a JOIN ds.t AS b ON a.id = b.id WHERE b.grp > 5", 50},
  };
  for (const auto& [sql, later] : statements) ASSERT_TRUE(Query(sql).ok());
  absl::StatusOr<Rows> first = Query("SELECT CURRENT_TIMESTAMP() AS t, RAND() AS r");
  ASSERT_TRUE(first.ok()) << first.status();
  ASSERT_TRUE(Append(1000, 50, 9000).ok());
  for (const auto& [sql, later] : statements) {
    absl::StatusOr<Rows> rows = Query(sql);
    ASSERT_TRUE(rows.ok()) << sql << ": " << rows.status();
    EXPECT_EQ((*rows)[0][0], Int(later)) << sql;
  }
  absl::StatusOr<Rows> second = Query("SELECT CURRENT_TIMESTAMP() AS t, RAND() AS r");
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_GT(std::get<int64_t>((*second)[0][0].data), std::get<int64_t>((*first)[0][0].data));
  EXPECT_NE((*second)[0][1], (*first)[0][1]);
}

constexpr const char* kEndless =
    "SELECT COUNT(*) AS n FROM UNNEST(GENERATE_ARRAY(1, 100000)) AS a, "
    "UNNEST(GENERATE_ARRAY(1, 100000)) AS b WHERE MOD(a * b, 7) = 3";

TEST_F(DatabaseTest, ATimeoutEndsAQueryAndTheConnectionIsGoodAfterwards) {
  QueryLimits limits;
  limits.timeout = std::chrono::milliseconds(100);
  for (int i = 0; i < 3; ++i) {
    absl::StatusOr<Rows> rows = Query(kEndless, limits);
    EXPECT_TRUE(absl::IsDeadlineExceeded(rows.status())) << rows.status();
    limits.timeout = std::chrono::minutes(1);
    EXPECT_TRUE(Query("SELECT 1 AS x", limits).ok());
    limits.timeout = std::chrono::milliseconds(i == 0 ? 0 : 50);
  }
}

TEST_F(DatabaseTest, ATimeoutEndsAMutationAndLeavesNothing) {
  QueryLimits limits;
  limits.timeout = std::chrono::milliseconds(100);
  absl::StatusOr<Rows> rows = Query(std::string("INSERT INTO ds.t (id) ") + kEndless, limits);
  EXPECT_TRUE(absl::IsDeadlineExceeded(rows.status())) << rows.status();
  EXPECT_EQ((*Query("SELECT COUNT(*) AS n FROM ds.t"))[0][0], Int(0));
  EXPECT_TRUE(Append(0, 1, 1).ok());
}

// Runs `query` on a thread of its own and interrupts once it is under way.
template <typename Query>
absl::Status InterruptedOutcome(TestDatabase& database, Query query) {
  absl::Notification begun;
  absl::Status status;
  std::thread thread([&] {
    begun.Notify();
    status = query();
  });
  begun.WaitForNotification();
  database.InterruptQueries();
  thread.join();
  return status;
}

TEST_F(DatabaseTest, InterruptingEndsQueriesWithoutATimeoutAndRefusesNewOnes) {
  absl::StatusOr<std::unique_ptr<ResultStream>> half_read =
      database_.warehouse().Query({"SELECT a FROM UNNEST(GENERATE_ARRAY(1, 100000)) AS a, "
                                   "UNNEST(GENERATE_ARRAY(1, 100000)) AS b",
                                   "proj", ""},
                                  {}, {});
  ASSERT_TRUE(half_read.ok()) << half_read.status();
  ASSERT_GT((*half_read)->Next()->rows, 0u);
  // Fails both ways: interrupted when it runs, refused when it comes after.
  absl::Status ended = InterruptedOutcome(database_, [&] { return Query(kEndless).status(); });
  EXPECT_TRUE(absl::IsUnavailable(ended)) << ended;
  absl::Status rest;
  while (rest.ok()) rest = (*half_read)->Next().status();
  EXPECT_TRUE(absl::IsUnavailable(rest)) << rest;
  EXPECT_TRUE(absl::IsUnavailable(Query("SELECT 1 AS x").status()));
  EXPECT_TRUE(absl::IsUnavailable(Query("DELETE FROM ds.t WHERE TRUE").status()));
  ASSERT_TRUE(Append(0, 10, 1).ok());
  EXPECT_EQ(database_.warehouse().Functions()->size(), 1u);
  half_read->reset();
  database_.Reopen();
  EXPECT_EQ((*Query("SELECT COUNT(*) AS n FROM ds.t"))[0][0], Int(10));
}

TEST_F(DatabaseTest, InterruptingEndsAMutationAndTheAppendBehindItGoesOn) {
  absl::Status ended = InterruptedOutcome(
      database_, [&] { return Query(std::string("INSERT INTO ds.t (id) ") + kEndless).status(); });
  EXPECT_TRUE(absl::IsUnavailable(ended)) << ended;
  ASSERT_TRUE(Append(0, 10, 1).ok());
  database_.Reopen();
  EXPECT_EQ((*Query("SELECT COUNT(*) AS n FROM ds.t"))[0][0], Int(10));
}

TEST(Connections, InterruptingAlsoEndsTheWaitForAConnection) {
  DuckdbOptions options;
  options.connections_max = 1;
  TestDatabase database(options);
  Statement statement{"SELECT 1 AS x", "proj", ""};
  auto held = database.warehouse().Query(statement, {}, {});
  ASSERT_TRUE(held.ok()) << held.status();
  absl::Status ended = InterruptedOutcome(
      database, [&] { return database.warehouse().Query(statement, {}, {}).status(); });
  EXPECT_TRUE(absl::IsUnavailable(ended)) << ended;
}

TEST_F(DatabaseTest, DroppingAStreamCancelsItAndFreesTheConnection) {
  // Far more than the connections there are.
  for (int i = 0; i < 100; ++i) {
    absl::StatusOr<std::unique_ptr<ResultStream>> stream = database_.warehouse().Query(
        {"SELECT a FROM UNNEST(GENERATE_ARRAY(1, 1000000)) AS a", "proj", ""}, {}, {});
    ASSERT_TRUE(stream.ok()) << stream.status();
    ASSERT_GT((*stream)->Next()->rows, 0u);
  }
}

TEST(Connections, TooManyAtOnceAreRefusedByName) {
  DuckdbOptions options;
  options.connections_max = 2;
  TestDatabase database(options);
  QueryLimits limits;
  limits.timeout = std::chrono::milliseconds(50);
  Statement statement{"SELECT 1 AS x", "proj", ""};
  auto first = database.warehouse().Query(statement, {}, {});
  auto second = database.warehouse().Query(statement, {}, {});
  ASSERT_TRUE(first.ok() && second.ok());
  auto third = database.warehouse().Query(statement, {}, limits);
  EXPECT_TRUE(absl::IsResourceExhausted(third.status())) << third.status();
  first->reset();
  EXPECT_TRUE(database.warehouse().Query(statement, {}, limits).ok());
}

TEST_F(DatabaseTest, ErrorsAreBigQuerysAndNameNothingOfOurs) {
  ASSERT_TRUE(Append(1, 1, 0).ok());
  auto error = [&](const std::string& sql) {
    absl::StatusOr<Rows> rows = Query(sql);
    EXPECT_TRUE(absl::IsInvalidArgument(rows.status())) << sql << ": " << rows.status();
    return std::string(rows.status().message());
  };
  EXPECT_NE(error("SELECT id / grp AS x FROM ds.t").find("division by zero"), std::string::npos);
  EXPECT_NE(error("SELECT CAST('x' AS INT64) AS x").find("Bad int64 value"), std::string::npos)
      << error("SELECT CAST('x' AS INT64) AS x");
  EXPECT_NE(error("SELECT 9223372036854775807 + id AS x FROM ds.t").find("int64 overflow"),
            std::string::npos);
  EXPECT_NE(error("SELECT ERROR('my words') AS x").find("my words"), std::string::npos);
  EXPECT_NE(error("INSERT INTO ds.t (grp) VALUES (1)").find("Required field id cannot be null"),
            std::string::npos);
  EXPECT_NE(error("SELECT nope FROM ds.t").find("nope"), std::string::npos);
  EXPECT_EQ(error("SELECT @p AS p"), "Query parameter 'p' not found at [1:8]");
  EXPECT_EQ(error("SELECT id, COUNT(*) AS n FROM ds.t GROUP BY grp"),
            "SELECT list expression references column id which is neither grouped nor aggregated");
  EXPECT_EQ(error("SELECT id FROM ds.t WHERE SUM(id) > 1"),
            "Aggregate function not allowed in WHERE clause");
  EXPECT_EQ(error("SELECT SUM(MAX(id)) AS x FROM ds.t"),
            "Aggregations of aggregations are not allowed");
  EXPECT_EQ(error("SELECT UPPER(id) AS x FROM ds.t"),
            "No matching signature for function UPPER for argument types: INT64 at [1:8]");
}

TEST_F(DatabaseTest, TablesAreCreatedReplacedAndDroppedBySql) {
  ASSERT_TRUE(Append(0, 3, 7).ok());
  auto run = [&](const std::string& sql) {
    absl::Status status = Query(sql).status();
    EXPECT_TRUE(status.ok()) << sql << ": " << status;
  };
  run("CREATE TABLE ds.u (a INT64 NOT NULL, b ARRAY<STRUCT<c STRING>>) CLUSTER BY a");
  EXPECT_EQ(database_.catalog().FindTable({"proj", "ds", "u"})->clustering,
            std::vector<std::string>{"a"});
  EXPECT_TRUE(absl::IsAlreadyExists(Query("CREATE TABLE ds.u (a INT64)").status()));
  run("CREATE TABLE IF NOT EXISTS ds.u (a INT64)");
  run("INSERT INTO ds.u (a, b) VALUES (1, [STRUCT('x' AS c)])");
  EXPECT_FALSE(Query("INSERT INTO ds.u (a) VALUES (NULL)").ok());
  run("CREATE OR REPLACE TABLE ds.u (z STRING)");
  EXPECT_TRUE(Query("SELECT z FROM ds.u")->empty());
  run("CREATE OR REPLACE TABLE ds.u AS SELECT id, CAST(id AS NUMERIC) AS n FROM ds.t");
  std::optional<TableSchema> made = database_.catalog().FindTable({"proj", "ds", "u"});
  ASSERT_TRUE(made.has_value());
  EXPECT_EQ(made->columns[1].type, Scalar(TypeKind::kNumeric));
  EXPECT_EQ(Query("SELECT * FROM ds.u")->size(), 3u);
  run("CREATE VIEW ds.v AS SELECT id FROM ds.t WHERE id > 0");
  EXPECT_EQ(Query("SELECT * FROM ds.v")->size(), 2u);
  // A cached answer over a view is as old as the view's tables.
  absl::StatusOr<StatementFacts> facts =
      database_.warehouse().Describe({"SELECT * FROM ds.v", "proj", ""}, {});
  ASSERT_TRUE(facts.ok()) << facts.status();
  EXPECT_EQ(facts->tables_read, std::vector<TableName>{table_.name});
  database_.Reopen();
  EXPECT_EQ(Query("SELECT * FROM ds.v")->size(), 2u);
  run("DROP VIEW ds.v");
  run("CREATE SCHEMA made");
  EXPECT_TRUE(database_.catalog().HasDataset("proj", "made"));
  run("CREATE TABLE made.x (a INT64)");
  EXPECT_TRUE(absl::IsFailedPrecondition(Query("DROP SCHEMA made").status()));
  run("DROP SCHEMA made CASCADE");
  EXPECT_FALSE(database_.catalog().HasDataset("proj", "made"));
  EXPECT_FALSE(database_.catalog().FindTable({"proj", "made", "x"}).has_value());
  run("DROP TABLE ds.u");
  run("DROP TABLE IF EXISTS ds.u");
  run("TRUNCATE TABLE ds.t");
  EXPECT_EQ(database_.warehouse().Functions()->at(0).counters.removed, 3);
}

TEST_F(DatabaseTest, ALargeLogIsCheckpointedInAQuietMoment) {
  TableSchema wide;
  wide.name = {"proj", "ds", "wide"};
  wide.columns = {Nullable("text", Scalar(TypeKind::kString))};
  ASSERT_TRUE(database_.catalog().EnsureTable(wide).ok());
  auto log_bytes = [&] {
    std::error_code none;
    auto size = std::filesystem::file_size(database_.directory() + "/warehouse.duckdb.wal", none);
    return none ? 0 : size;
  };
  std::mt19937_64 random(1);
  uintmax_t most = 0;
  int commits = 0;
  // No commit after a checkpoint, which on a busy machine may come between two: what follows it
  // would stay in the log, as too little for another.
  for (; commits < 200 && most < (48u << 20) && log_bytes() >= most; ++commits) {
    most = log_bytes();
    FunctionCommit append;
    append.function = "wide";
    append.table = wide.name;
    for (int row = 0; row < 100; ++row) {
      std::string text(10'000, ' ');
      for (char& c : text) c = static_cast<char>('a' + random() % 26);
      append.rows.push_back({"", 0, {Text(std::move(text))}});
    }
    ASSERT_TRUE(database_.warehouse().Append(std::move(append)).ok());
  }
  EXPECT_GT(most, 40u << 20);
  // Nobody queries meanwhile: a checkpoint that meets a reader is put off for ten seconds.
  auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (log_bytes() > (10u << 20) && std::chrono::steady_clock::now() < give_up)
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_LT(log_bytes(), 10u << 20);
  EXPECT_EQ((*Query("SELECT COUNT(*) AS n FROM ds.wide"))[0][0], Int(commits * 100));
}

// More commits than a start reads without folding the log.
TEST_F(DatabaseTest, TheCommitLogIsFoldedAndNothingOfItIsLost) {
  auto state = [&](std::optional<std::string> text) {
    FunctionCommit commit;
    commit.function = "store";
    commit.counters.dropped = 1;
    commit.state = std::move(text);
    ASSERT_TRUE(database_.warehouse().Append(std::move(commit)).ok());
  };
  state("kept");
  for (int i = 0; i < 1100; ++i) state(std::nullopt);
  ASSERT_TRUE(Append(0, 1, 1).ok());
  uint64_t version = database_.warehouse().Versions({table_.name})->at(0).version;
  for (int reopened = 0; reopened < 3; ++reopened) {
    database_.Reopen();
    std::vector<FunctionRecord> records = *database_.warehouse().Functions();
    ASSERT_EQ(records.size(), 1u);
    EXPECT_EQ(records[0].state, "kept");
    EXPECT_EQ(records[0].counters.dropped, 1101 + reopened);
    EXPECT_EQ(database_.warehouse().Versions({table_.name})->at(0).version, version);
    state(std::nullopt);
  }
  ASSERT_TRUE(database_.catalog().DropTable(table_.name).ok());
  database_.Reopen();
  ASSERT_TRUE(database_.catalog().EnsureTable(table_).ok());
  EXPECT_GT(database_.warehouse().Versions({table_.name})->at(0).version, version);
  // The drop counted the table's one message.
  EXPECT_EQ(database_.warehouse().Functions()->at(0).counters.removed, 1);
}

TEST_F(DatabaseTest, AFailedMutationLeavesNoRecordBehind) {
  ASSERT_TRUE(Append(0, 4, 1).ok());
  ASSERT_FALSE(Query("UPDATE ds.t SET id = NULL WHERE TRUE").ok());
  ASSERT_FALSE(Query("DELETE FROM ds.t WHERE id / (id - 3) > 0").ok());
  ASSERT_TRUE(Query("DELETE FROM ds.t WHERE id = 1").ok());
  ASSERT_TRUE(Append(4, 1, 1).ok());
  database_.Reopen();
  EXPECT_EQ(database_.warehouse().Functions()->at(0).counters.removed, 1);
}

TEST_F(DatabaseTest, AStatementFollowsItsTableThroughChanges) {
  ASSERT_TRUE(Append(1, 1, 2).ok());
  for (int i = 0; i < 2; ++i) EXPECT_EQ((*Query("SELECT id, grp FROM ds.t"))[0][1], Int(2));
  table_.columns[1].type = Scalar(TypeKind::kNumeric);
  ASSERT_TRUE(database_.catalog().EnsureTable(table_).ok());
  EXPECT_EQ((*Query("SELECT id, grp FROM ds.t"))[0][1], Text("2"));
  ASSERT_TRUE(database_.catalog().DropTable(table_.name).ok());
  EXPECT_TRUE(absl::IsNotFound(Query("SELECT id, grp FROM ds.t").status()));
}

}  // namespace
}  // namespace afluente::warehouse::duckdb
