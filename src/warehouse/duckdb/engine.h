#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "warehouse/duckdb/duckdb_database.h"
#include "warehouse/duckdb/handles.h"
#include "warehouse/duckdb/live_catalog.h"
#include "warehouse/duckdb/query_timer.h"
#include "warehouse/duckdb/translation_cache.h"

namespace afluente::host {
class File;
}

namespace afluente::warehouse::duckdb {

class Checkpointer;
class Committer;
class ReadPool;

// The opened database and what its ports share. Owned by DuckdbDatabase; members are destroyed from
// the last to the first, so the database file is closed when nothing uses it.
struct Engine {
  Engine();
  ~Engine();

  // The database's file for copies, open as long as DuckDB has it (see HeldFiles).
  std::shared_ptr<const host::File> own_file;
  DatabaseHandle database;
  std::string path;
  std::string staging;  // the one directory that SQL may read and write files in
  LiveCatalog live;
  TranslationCache translations{1024};
  QueryTimer timer;
  std::atomic<uint64_t> next_script{0};  // names temporary datasets
  std::unique_ptr<Committer> committer;
  std::unique_ptr<ReadPool> readers;
  std::unique_ptr<Checkpointer> checkpointer;
};

// Opens `<directory>/warehouse.duckdb`, locked down, with the catalog read.
absl::StatusOr<std::unique_ptr<Engine>> OpenEngine(const DuckdbOptions& options);

// A database in memory that may read and write any file and never spills to one: for the program's
// own statements alone.
absl::StatusOr<DatabaseHandle> OpenInMemory(int threads, uint64_t memory_bytes);

// A database in memory, locked down the same way, for work that never touches the file.
absl::StatusOr<DatabaseHandle> OpenPrivate(int threads, uint64_t memory_bytes);

}  // namespace afluente::warehouse::duckdb
