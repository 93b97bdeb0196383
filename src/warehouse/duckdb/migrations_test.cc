#include "warehouse/duckdb/migrations.h"

#include <gtest/gtest.h>

#include "warehouse/conformance.h"
#include "warehouse/duckdb/test_database.h"

// A data directory as an older program left it is opened and brought up; a newer one's is refused.
namespace afluente::warehouse::duckdb {
namespace {

class Migration : public testing::Test {
 protected:
  // Runs statements over the closed database, as the program that wrote it could have.
  void Rewrite(const std::vector<std::string>& statements) {
    database_.Close();
    DatabaseHandle file;
    ASSERT_EQ(duckdb_open((database_.directory() + "/warehouse.duckdb").c_str(), file.out()),
              DuckDBSuccess);
    const auto session = Session::Connect(file.get());
    ASSERT_TRUE(session.ok()) << session.status();
    for (const std::string& sql : statements) {
      const absl::Status done = (*session)->Execute(sql);
      ASSERT_TRUE(done.ok()) << sql << ": " << done;
    }
  }
  Rows Query(const std::string& sql) {
    auto rows = QueryRows(database_.warehouse(), sql);
    EXPECT_TRUE(rows.ok()) << sql << ": " << rows.status();
    return rows.ok() ? *std::move(rows) : Rows();
  }
  static int64_t Number(const Rows& rows) { return std::get<int64_t>(rows.at(0).at(0).data); }

  TestDatabase database_;
};

const std::vector<std::string>& Tables() {
  static const std::vector<std::string> kTables = {
      "CREATE SCHEMA ds",
      "CREATE TABLE ds.days (id INT64) PARTITION BY _PARTITIONDATE",
      "CREATE TABLE ds.keyed (id INT64) PARTITION BY _PARTITIONDATE CLUSTER BY id",
      "CREATE TABLE ds.plain (id INT64)",
      "INSERT INTO ds.days (id) VALUES (1), (2)",
      "INSERT INTO ds.keyed (id) VALUES (3)",
      "INSERT INTO ds.plain (id) VALUES (4)"};
  return kTables;
}

// What format 1 had: no column of the times of rows.
const std::vector<std::string>& OlderLayout() {
  static const std::vector<std::string> kOlder = {
      "ALTER TABLE \"proj.ds\".days DROP COLUMN \"_PARTITIONTIME\"",
      "DROP INDEX \"proj.ds\".\"keyed/key\"",
      "ALTER TABLE \"proj.ds\".keyed DROP COLUMN \"_PARTITIONTIME\"",
      "CREATE INDEX \"keyed/key\" ON \"proj.ds\".keyed (id)",
      "UPDATE afluente_internal.settings SET value = 1 WHERE name = 'format'"};
  return kOlder;
}

TEST_F(Migration, FormatOneGetsTimesOfRows) {
  for (const std::string& sql : Tables()) Query(sql);
  Rewrite(OlderLayout());
  database_.Reopen();
  for (const char* table : {"days", "keyed"}) {
    const std::string from = std::string(" FROM ds.") + table;
    EXPECT_EQ(Number(Query("SELECT COUNTIF(_PARTITIONTIME IS NULL)" + from)), 0) << table;
    EXPECT_EQ(Number(Query("SELECT COUNT(*)" + from +
                           " WHERE _PARTITIONDATE >= DATE_SUB(CURRENT_DATE(), INTERVAL 1 DAY)")),
              table == std::string("days") ? 2 : 1);
    Query(std::string("INSERT INTO ds.") + table + " (id) VALUES (9)");
    EXPECT_EQ(Number(Query("SELECT COUNTIF(_PARTITIONTIME IS NULL)" + from)), 0) << table;
  }
  EXPECT_EQ(Number(Query("SELECT id FROM ds.plain")), 4);
  EXPECT_EQ(Number(Query("SELECT id FROM ds.keyed WHERE id = 3")), 3);
  // Once: what is up to date is left alone, also at the next start.
  database_.Reopen();
  EXPECT_EQ(Number(Query("SELECT COUNT(*) FROM ds.days")), 3);
}

TEST_F(Migration, ANewerFormatIsRefused) {
  Rewrite({"UPDATE afluente_internal.settings SET value = 99 WHERE name = 'format'"});
  DuckdbOptions options;
  options.directory = database_.directory();
  const auto opened = DuckdbDatabase::Open(options);
  EXPECT_EQ(opened.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(opened.status().message().find("format 99"), std::string::npos) << opened.status();
  Rewrite({"UPDATE afluente_internal.settings SET value = " + std::to_string(kFormat) +
           " WHERE name = 'format'"});
  database_.Reopen();
}

// A step that fails leaves the older format whole.
TEST_F(Migration, AFailedStepChangesNothing) {
  for (const std::string& sql : Tables()) Query(sql);
  Rewrite(OlderLayout());
  Rewrite(
      {"INSERT INTO afluente_internal.tables VALUES ('proj', 'zz', 'broken', 'no JSON', '', 0)"});
  DuckdbOptions options;
  options.directory = database_.directory();
  EXPECT_EQ(DuckdbDatabase::Open(options).status().code(), absl::StatusCode::kDataLoss);
  Rewrite({"DELETE FROM afluente_internal.tables WHERE name = 'broken'"});
  database_.Reopen();
  EXPECT_EQ(Number(Query("SELECT COUNTIF(_PARTITIONTIME IS NULL) FROM ds.days")), 0);
}

}  // namespace
}  // namespace afluente::warehouse::duckdb
