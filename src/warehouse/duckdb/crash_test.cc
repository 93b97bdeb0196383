#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <random>
#include <string>

#include "warehouse/conformance.h"
#include "warehouse/duckdb/test_database.h"

namespace afluente::warehouse::duckdb {
namespace {

constexpr int kKills = 24;
constexpr int64_t kRowsPerCommit = 50;

TableSchema Table() {
  TableSchema table;
  table.name = {"proj", "ds", "t"};
  table.function_fed = true;
  table.columns = {Required("id", Scalar(schema::TypeKind::kInt64)),
                   Nullable("name", Scalar(schema::TypeKind::kString))};
  return table;
}

// Commit number `n`: its rows, one dead letter, one outbox entry, and a state that says n.
FunctionCommit Commit(int64_t n) {
  FunctionCommit commit;
  commit.function = "store";
  commit.table = Table().name;
  commit.dead_letter_table = {"proj", "ds", "dead_letters"};
  for (int64_t i = n * kRowsPerCommit; i < (n + 1) * kRowsPerCommit; ++i) {
    commit.rows.push_back({"m" + std::to_string(i), 0, {Int(i), Text("name")}});
  }
  commit.counters.stored = kRowsPerCommit;
  commit.counters.rows = kRowsPerCommit;
  commit.counters.dead_lettered = 1;
  DeadLetter letter;
  letter.message.message_id = "dead" + std::to_string(n);
  letter.message.publish_time = host::WallTime(std::chrono::seconds(n));
  letter.error = "no";
  commit.dead_letters.push_back(letter);
  commit.outbox.push_back({"key" + std::to_string(n), "topic", {"data", {}, ""}});
  commit.state = std::to_string(n + 1);
  return commit;
}

// Appends from commit `next` on until killed; tells each commit that was answered.
[[noreturn]] void AppendForever(const std::string& directory, int64_t next, int answered) {
  DuckdbOptions options;
  options.directory = directory;
  auto database = DuckdbDatabase::Open(options);
  if (!database.ok()) _exit(1);
  while (true) {
    if (!(*database)->warehouse().Append(Commit(next++)).ok()) _exit(2);
    char byte = 1;
    if (write(answered, &byte, 1) != 1) _exit(3);
  }
}

// Kills a child after `micros`; returns how many commits it saw answered.
int64_t AppendAndKill(const std::string& directory, int64_t next, int micros) {
  int ends[2];
  AFLUENTE_CHECK(pipe(ends) == 0);
  pid_t child = fork();
  AFLUENTE_CHECK(child >= 0);
  if (child == 0) {
    close(ends[0]);
    AppendForever(directory, next, ends[1]);
  }
  close(ends[1]);
  // The first answer, so that the time counts from commits under way.
  int64_t answered = 0;
  char byte;
  if (read(ends[0], &byte, 1) == 1) ++answered;
  usleep(micros);
  kill(child, SIGKILL);
  while (read(ends[0], &byte, 1) == 1) ++answered;
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status)) << "the child ended by itself: " << WEXITSTATUS(status);
  return answered;
}

TEST(Crash, AKillLeavesWholeCommitsAndNoneIsLostOrDoubled) {
  const uint32_t seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  TestDatabase database;
  ASSERT_TRUE(database.catalog().EnsureDataset("proj", "ds").ok());
  ASSERT_TRUE(database.catalog().EnsureTable(Table()).ok());
  uint64_t version_before = 0;
  int64_t committed = 0;
  for (int kill = 0; kill < kKills; ++kill) {
    database.Close();
    int64_t answered =
        AppendAndKill(database.directory(), committed, static_cast<int>(random() % 12'000));
    database.Reopen();
    Warehouse& warehouse = database.warehouse();
    FunctionRecord record = warehouse.Functions()->at(0);
    int64_t n = std::stoll(record.state);
    // The commit under way may have reached the disk before its answer.
    ASSERT_GE(n, committed + answered);
    ASSERT_LE(n, committed + answered + 1);
    committed = n;
    EXPECT_EQ(record.counters.stored, n * kRowsPerCommit);
    EXPECT_EQ(record.counters.dead_lettered, n);
    absl::StatusOr<Rows> rows = QueryRows(
        warehouse, "SELECT COUNT(*) AS n, COUNT(DISTINCT id) AS d, MAX(id) AS m FROM ds.t");
    ASSERT_TRUE(rows.ok()) << rows.status();
    EXPECT_EQ((*rows)[0],
              (std::vector<schema::Value>{Int(n * kRowsPerCommit), Int(n * kRowsPerCommit),
                                          Int(n * kRowsPerCommit - 1)}));
    EXPECT_EQ(warehouse.Account("f", Table().name)->messages_in_table, n * kRowsPerCommit);
    rows = QueryRows(warehouse, "SELECT COUNT(DISTINCT message_id) AS n FROM ds.dead_letters");
    ASSERT_TRUE(rows.ok()) << rows.status();
    EXPECT_EQ((*rows)[0][0], Int(n));
    EXPECT_EQ(warehouse.Outbox(1'000'000)->size(), static_cast<size_t>(n));
    uint64_t version = warehouse.Versions({Table().name})->at(0).version;
    EXPECT_GT(version, version_before);
    version_before = version;
  }
  std::printf("%d kills, %ld commits\n", kKills, static_cast<long>(committed));
}

}  // namespace
}  // namespace afluente::warehouse::duckdb
