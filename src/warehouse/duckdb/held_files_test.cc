#include "warehouse/duckdb/held_files.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "absl/strings/str_cat.h"
#include "warehouse/conformance.h"
#include "warehouse/duckdb/test_database.h"

// A copy made beside running commits is a database with exactly the commits before it.
namespace afluente::warehouse::duckdb {
namespace {

void Do(DuckdbDatabase& database, const std::string& sql) {
  const auto rows = QueryRows(database.warehouse(), sql);
  ASSERT_TRUE(rows.ok()) << sql << ": " << rows.status();
}

int64_t Number(DuckdbDatabase& database, const std::string& sql) {
  const auto rows = QueryRows(database.warehouse(), sql);
  AFLUENTE_CHECK(rows.ok() && rows->size() == 1);
  return std::get<int64_t>((*rows)[0][0].data);
}

// Into an empty directory.
void Copy(const HeldFiles& held, const std::string& directory) {
  host::PosixFileSystem files;
  ASSERT_TRUE(files.CreateDirectory(directory).ok());
  for (const host::FilePart& part : held.parts()) {
    const auto copied = CopyPart(part, files, directory + "/" + part.name, nullptr);
    ASSERT_TRUE(copied.ok()) << copied.status();
  }
}

class Held : public testing::Test {
 protected:
  Held() {
    Do(database_.database(), "CREATE SCHEMA ds");
    Do(database_.database(), "CREATE TABLE ds.t (id INT64, text STRING) CLUSTER BY id");
  }
  // So many rows at once that DuckDB writes them into its file before they are committed.
  void Insert(int64_t first, int64_t last) {
    Do(database_.database(),
       absl::StrCat("INSERT INTO ds.t SELECT n, CONCAT('text ', CAST(n AS STRING)) FROM "
                    "UNNEST(GENERATE_ARRAY(",
                    first, ", ", last, ")) AS n"));
  }
  std::unique_ptr<HeldFiles> Hold() {
    auto held = database_.database().HoldFiles([] { return absl::OkStatus(); });
    AFLUENTE_CHECK(held.ok());
    return *std::move(held);
  }
  std::string CopyPath() { return database_.directory() + "/copy"; }

  TestDatabase database_;
};

TEST_F(Held, TheCopyHasTheCommitsBeforeAndNoneAfter) {
  Insert(1, 300'000);
  database_.Reopen();  // with a checkpoint
  Insert(300'001, 600'000);
  Do(database_.database(), "DELETE FROM ds.t WHERE id <= 1000");
  const auto held = Hold();
  Insert(600'001, 900'000);
  Do(database_.database(), "UPDATE ds.t SET text = 'changed' WHERE id <= 200000");
  Do(database_.database(), "CREATE TABLE ds.later AS SELECT * FROM ds.t");
  Do(database_.database(), "DROP TABLE ds.t");
  Copy(*held, CopyPath());
  DuckdbOptions options;
  options.directory = CopyPath();
  auto copy = DuckdbDatabase::Open(options);
  ASSERT_TRUE(copy.ok()) << copy.status();
  EXPECT_EQ(Number(**copy, "SELECT COUNT(*) FROM ds.t"), 599'000);
  EXPECT_EQ(Number(**copy, "SELECT SUM(id) FROM ds.t"), 600'000LL * 600'001 / 2 - 500'500);
  EXPECT_EQ(Number(**copy, "SELECT COUNTIF(text = CONCAT('text ', CAST(id AS STRING))) FROM ds.t"),
            599'000);
  EXPECT_FALSE((*copy)->catalog().FindTable({"proj", "ds", "later"}).has_value());
}

TEST_F(Held, NoCheckpointRunsMeanwhile) {
  Insert(1, 10);
  auto held = Hold();
  ASSERT_EQ(held->parts().size(), 2u);
  EXPECT_GT(held->parts()[1].bytes, 0u);
  const uint64_t file_bytes = held->parts()[0].bytes;
  Insert(11, 20);
  EXPECT_EQ(*held->parts()[0].file->Size(), file_bytes);
  EXPECT_GT(*held->parts()[1].file->Size(), held->parts()[1].bytes);
}

TEST_F(Held, WhatRunsMeanwhileSeesNoCommit) {
  std::atomic<bool> done = false;
  std::thread writer;
  auto held = database_.database().HoldFiles([&] {
    writer = std::thread([&] {
      Insert(1, 10);
      done = true;
    });
    const bool committed = done;
    return committed ? absl::InternalError("committed") : absl::OkStatus();
  });
  writer.join();
  ASSERT_TRUE(held.ok()) << held.status();
  EXPECT_TRUE(done);
}

TEST_F(Held, AFailureMeanwhileHoldsNothing) {
  auto held = database_.database().HoldFiles([] { return absl::DataLossError("broken"); });
  EXPECT_EQ(held.status().code(), absl::StatusCode::kDataLoss);
  // With checkpoints still held this aborts.
  const auto again = Hold();
  EXPECT_FALSE(again->parts().empty());
}

}  // namespace
}  // namespace afluente::warehouse::duckdb
