// Commits and reads while checkpoints run: one writer commits batches as fast as it can or at a
// rate, one reader looks rows up by key. A checkpoint that held them up shows in the high
// percentiles; how many emptied the write-ahead log is counted by its size after each commit.
// Usage: checkpoints DIRECTORY SECONDS ROWS_PER_COMMIT COMMITS_PER_SECOND; 0 = as fast as it can.
// DIRECTORY must be new; it is left to look at. Prints one JSON line.
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "host/check.h"
#include "schema/type.h"
#include "schema/value.h"
#include "warehouse/duckdb/duckdb_database.h"
#include "warehouse/duckdb/held_files.h"

namespace {

using Clock = std::chrono::steady_clock;
using afluente::warehouse::FunctionCommit;
using afluente::warehouse::TableSchema;
using afluente::warehouse::duckdb::DuckdbDatabase;
namespace schema = afluente::schema;

double Since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

schema::Column Column(std::string name, schema::TypeKind kind) {
  schema::Type type;
  type.kind = kind;
  return {std::move(name), type, schema::Mode::kNullable, ""};
}

TableSchema Table() {
  TableSchema table;
  table.name = {"bench", "ds", "events"};
  table.function_fed = true;
  table.columns = {Column("id", schema::TypeKind::kInt64), Column("who", schema::TypeKind::kString),
                   Column("what", schema::TypeKind::kString)};
  table.clustering = {"id"};
  return table;
}

FunctionCommit Commit(int64_t first, int rows) {
  FunctionCommit commit;
  commit.function = "store";
  commit.table = Table().name;
  for (int64_t id = first; id < first + rows; ++id) {
    const std::string text = std::to_string(id);
    commit.rows.push_back(
        {text,
         0,
         {schema::Value(id), schema::Value("user" + text + "@ltm.example"),
          schema::Value("something of a hundred bytes or so that a device says, " + text +
                        " and more of it")}});
  }
  commit.counters.stored = rows;
  commit.counters.rows = rows;
  commit.state = std::to_string(first);
  return commit;
}

uint64_t WalBytes(const std::string& directory) {
  struct stat file{};
  return stat((directory + "/warehouse.duckdb.wal").c_str(), &file) == 0 ? file.st_size : 0;
}

void Read(DuckdbDatabase& database, const std::atomic<int64_t>& committed,
          const std::atomic<bool>& stop, unsigned seed, std::vector<double>& milliseconds) {
  std::mt19937_64 random(seed);
  while (!stop) {
    const int64_t limit = committed;
    if (limit == 0) continue;
    afluente::warehouse::Parameter id;
    id.name = "id";
    id.type.kind = schema::TypeKind::kInt64;
    id.value = schema::Value(static_cast<int64_t>(random() % static_cast<uint64_t>(limit)));
    const auto begin = Clock::now();
    auto rows = database.warehouse().Query({"SELECT * FROM ds.events WHERE id = @id", "bench", ""},
                                           {id}, {});
    AFLUENTE_CHECK(rows.ok());
    const auto batch = (*rows)->Next();
    AFLUENTE_CHECK(batch.ok() && batch->rows == 1);
    milliseconds.push_back(Since(begin) * 1e3);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

// What a kill at this moment would leave, into an empty directory.
void Copy(DuckdbDatabase& database, const std::string& directory) {
  const auto held = database.HoldFiles([] { return absl::OkStatus(); });
  AFLUENTE_CHECK(held.ok());
  afluente::host::PosixFileSystem files;
  for (const auto& part : (*held)->parts())
    AFLUENTE_CHECK(CopyPart(part, files, directory + "/" + part.name, nullptr).ok());
}

void Print(const char* name, std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const auto at = [&](double part) {
    return values.empty()
               ? 0.0
               : values[static_cast<size_t>(part * static_cast<double>(values.size() - 1))];
  };
  std::printf(
      "\"%s\": {\"n\": %zu, \"p50_ms\": %.2f, \"p99_ms\": %.2f, \"p999_ms\": %.2f, \"max_ms\": "
      "%.2f}, ",
      name, values.size(), at(0.5), at(0.99), at(0.999), at(1));
}

}  // namespace

int main(int argc, char** argv) {
  AFLUENTE_CHECK(argc == 5);
  const std::string directory = argv[1];
  AFLUENTE_CHECK(std::filesystem::create_directories(directory));
  const auto seconds = std::chrono::seconds(std::atoi(argv[2]));
  const int rows = std::atoi(argv[3]);
  const int rate = std::atoi(argv[4]);
  afluente::warehouse::duckdb::DuckdbOptions options;
  options.directory = directory;
  auto opened = DuckdbDatabase::Open(options);
  AFLUENTE_CHECK(opened.ok());
  DuckdbDatabase& database = **opened;
  AFLUENTE_CHECK(database.catalog().EnsureDataset("bench", "ds").ok());
  AFLUENTE_CHECK(database.catalog().EnsureTable(Table()).ok());
  std::atomic<int64_t> committed = 0;
  std::atomic<bool> stop = false;
  std::vector<double> reads;
  std::thread reader([&] { Read(database, committed, stop, 7, reads); });
  std::vector<double> commits;
  uint64_t wal_last = 0, wal_max = 0;
  int checkpoints = 0;
  const auto start = Clock::now();
  for (int64_t n = 0; Clock::now() < start + seconds; ++n) {
    if (rate > 0)
      std::this_thread::sleep_until(start + n * std::chrono::nanoseconds(1'000'000'000 / rate));
    const FunctionCommit commit = Commit(n * rows, rows);
    const auto begin = Clock::now();
    AFLUENTE_CHECK(database.warehouse().Append(commit).ok());
    commits.push_back(Since(begin) * 1e3);
    committed = (n + 1) * rows;
    const uint64_t wal = WalBytes(directory);
    if (wal < wal_last / 2) ++checkpoints;
    wal_last = wal;
    wal_max = std::max(wal_max, wal);
  }
  const double took = Since(start);
  stop = true;
  reader.join();
  // As a kill would leave it: the copy is opened, which replays the log.
  const std::string copy = directory + "/copy";
  std::filesystem::create_directories(copy);
  Copy(database, copy);
  const auto wal = WalBytes(copy);
  options.directory = copy;
  const auto replay = Clock::now();
  {
    auto again = DuckdbDatabase::Open(options);
    AFLUENTE_CHECK(again.ok());
    const double recovery = Since(replay);
    std::printf("{");
    Print("commits", commits);
    Print("reads", reads);
    std::printf(
        "\"rows_per_s\": %.0f, \"checkpoints\": %d, \"wal_max_mb\": %.0f, \"wal_mb\": %.0f, "
        "\"recovery_s\": %.2f}\n",
        static_cast<double>(committed) / took, checkpoints, static_cast<double>(wal_max) / 1e6,
        static_cast<double>(wal) / 1e6, recovery);
  }
  std::filesystem::remove_all(copy);
}
