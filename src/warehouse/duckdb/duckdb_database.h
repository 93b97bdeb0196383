#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "warehouse/catalog.h"
#include "warehouse/table_writer.h"
#include "warehouse/warehouse.h"

namespace afluente::warehouse {
class JavaScriptFunctions;
}

namespace afluente::warehouse::duckdb {

class HeldFiles;

struct DuckdbOptions {
  std::string directory;  // holds warehouse.duckdb; must exist
  int threads = 2;
  uint64_t memory_bytes = uint64_t{1} << 30;
  // Reading connections, so also queries that run or whose rows are being read.
  size_t connections_max = 32;
  // Runs the JavaScript of SQL functions; nullptr: they are refused. Shared: queries use it as long
  // as they run.
  std::shared_ptr<JavaScriptFunctions> javascript;
};

// The embedded analytics engine: one DuckDB database file with everything that the ports need.
// Thread-safe. It must outlive the ports' results, and one process at a time opens a directory.
// After a crash Open gives exactly what was committed.
class DuckdbDatabase {
 public:
  // Creates the database on first use. UNAVAILABLE when the file cannot be opened,
  // FAILED_PRECONDITION when a newer version of the program wrote it.
  static absl::StatusOr<std::unique_ptr<DuckdbDatabase>> Open(const DuckdbOptions& options);
  ~DuckdbDatabase();

  Warehouse& warehouse();
  Catalog& catalog();
  TableWriter& table_writer();
  BatchSqlCompiler& batch_sql_compiler();

  // For a backup; see HeldFiles::Take. UNAVAILABLE when a file does not open.
  absl::StatusOr<std::unique_ptr<HeldFiles>> HoldFiles(absl::FunctionRef<absl::Status()> meanwhile);

  // For a quick shutdown: ends every query and SQL mutation that runs, also those whose rows are
  // still being read, and refuses new ones, all with UNAVAILABLE. Append goes on as before.
  void InterruptQueries();

 private:
  struct State;
  explicit DuckdbDatabase(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace afluente::warehouse::duckdb
