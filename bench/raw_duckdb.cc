// The limit that the API is measured against: the same queries on the same file, in process,
// prepared once per thread. Usage: raw_duckdb FILE lookup|aggregate THREADS SECONDS; prints one
// JSON line.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "duckdb.h"

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kRows = 1'000'000;
constexpr char kLookup[] =
    "SELECT app_id, app_department, action_id, department_id, user_email, ts "
    "FROM \"bench.ds\".events WHERE action_id = $1 AND user_email = $2";
constexpr char kAggregate[] =
    "SELECT count(*), count(DISTINCT user_email), max(ts) FROM \"bench.ds\".events WHERE app_id = "
    "$1";

void Require(bool ok, const char* what) {
  if (ok) return;
  std::fprintf(stderr, "raw_duckdb: %s failed\n", what);
  std::exit(1);
}

void Bind(duckdb_prepared_statement statement, bool lookup, int row) {
  char text[64];
  if (!lookup) {
    std::snprintf(text, sizeof text, "app-%04d", row % 1000);
    Require(duckdb_bind_varchar(statement, 1, text) == DuckDBSuccess, "bind");
    return;
  }
  std::snprintf(text, sizeof text, "act-%08d", row);
  Require(duckdb_bind_varchar(statement, 1, text) == DuckDBSuccess, "bind");
  std::snprintf(text, sizeof text, "user%05d@ltm.example", row % 20000);
  Require(duckdb_bind_varchar(statement, 2, text) == DuckDBSuccess, "bind");
}

void Run(duckdb_database database, bool lookup, unsigned seed, Clock::time_point until,
         std::vector<double>& milliseconds) {
  duckdb_connection connection;
  Require(duckdb_connect(database, &connection) == DuckDBSuccess, "connect");
  duckdb_prepared_statement statement;
  Require(duckdb_prepare(connection, lookup ? kLookup : kAggregate, &statement) == DuckDBSuccess,
          "prepare");
  std::mt19937 random(seed);
  while (Clock::now() < until) {
    const auto begin = Clock::now();
    Bind(statement, lookup, static_cast<int>(random() % kRows));
    duckdb_result result;
    Require(duckdb_execute_prepared(statement, &result) == DuckDBSuccess, "execute");
    idx_t rows = 0;
    while (duckdb_data_chunk chunk = duckdb_fetch_chunk(result)) {
      rows += duckdb_data_chunk_get_size(chunk);
      duckdb_destroy_data_chunk(&chunk);
    }
    duckdb_destroy_result(&result);
    Require(rows == 1, "a query of one row");
    milliseconds.push_back(std::chrono::duration<double, std::milli>(Clock::now() - begin).count());
  }
  duckdb_destroy_prepare(&statement);
  duckdb_disconnect(&connection);
}

}  // namespace

int main(int argc, char** argv) {
  Require(argc == 5, "usage: raw_duckdb FILE lookup|aggregate THREADS SECONDS:");
  const bool lookup = std::strcmp(argv[2], "lookup") == 0;
  const int threads = std::atoi(argv[3]);
  const double seconds = std::atof(argv[4]);
  duckdb_config config;
  duckdb_create_config(&config);
  duckdb_set_config(config, "access_mode", "READ_ONLY");
  duckdb_set_config(config, "threads", "2");
  duckdb_database database;
  Require(duckdb_open_ext(argv[1], &database, config, nullptr) == DuckDBSuccess, "open");
  const auto until = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                        std::chrono::duration<double>(seconds));
  std::vector<std::vector<double>> times(threads);
  std::vector<std::thread> workers;
  for (int i = 0; i < threads; ++i) {
    workers.emplace_back([&, i] { Run(database, lookup, i + 1, until, times[i]); });
  }
  for (auto& worker : workers) worker.join();
  std::vector<double> all;
  for (auto& own : times) all.insert(all.end(), own.begin(), own.end());
  std::sort(all.begin(), all.end());
  std::printf("{\"requests_per_s\": %.1f, \"p50_ms\": %.3f, \"p99_ms\": %.3f}\n",
              all.size() / seconds, all[all.size() / 2], all[all.size() * 99 / 100]);
  duckdb_close(&database);
}
