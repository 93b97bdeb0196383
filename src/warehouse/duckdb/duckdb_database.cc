#include "warehouse/duckdb/duckdb_database.h"

#include "host/check.h"
#include "warehouse/duckdb/checkpointer.h"
#include "warehouse/duckdb/committer.h"
#include "warehouse/duckdb/duckdb_batch_sql.h"
#include "warehouse/duckdb/duckdb_catalog.h"
#include "warehouse/duckdb/duckdb_table_writer.h"
#include "warehouse/duckdb/duckdb_warehouse.h"
#include "warehouse/duckdb/engine.h"
#include "warehouse/duckdb/held_files.h"
#include "warehouse/duckdb/read_pool.h"

namespace afluente::warehouse::duckdb {

struct DuckdbDatabase::State {
  explicit State(std::unique_ptr<Engine> opened)
      : engine(std::move(opened)),
        warehouse(*engine),
        catalog(*engine->committer, engine->live),
        table_writer(*engine) {}

  std::unique_ptr<Engine> engine;
  DuckdbWarehouse warehouse;
  DuckdbCatalog catalog;
  DuckdbTableWriter table_writer;
  DuckdbBatchSqlCompiler batch_sql_compiler;
};

DuckdbDatabase::DuckdbDatabase(std::unique_ptr<State> state) : state_(std::move(state)) {}
DuckdbDatabase::~DuckdbDatabase() = default;

absl::StatusOr<std::unique_ptr<DuckdbDatabase>> DuckdbDatabase::Open(const DuckdbOptions& options) {
  AFLUENTE_ASSIGN_OR_RETURN(std::unique_ptr<Engine> engine, OpenEngine(options));
  return std::unique_ptr<DuckdbDatabase>(
      new DuckdbDatabase(std::make_unique<State>(std::move(engine))));
}

Warehouse& DuckdbDatabase::warehouse() { return state_->warehouse; }
Catalog& DuckdbDatabase::catalog() { return state_->catalog; }
TableWriter& DuckdbDatabase::table_writer() { return state_->table_writer; }
BatchSqlCompiler& DuckdbDatabase::batch_sql_compiler() { return state_->batch_sql_compiler; }

absl::StatusOr<std::unique_ptr<HeldFiles>> DuckdbDatabase::HoldFiles(
    absl::FunctionRef<absl::Status()> meanwhile) {
  Engine& engine = *state_->engine;
  return HeldFiles::Take(*engine.committer, engine.own_file, engine.path, meanwhile);
}

void DuckdbDatabase::InterruptQueries() {
  state_->engine->timer.InterruptAll();
  state_->engine->readers->RefuseWaiters();
}

}  // namespace afluente::warehouse::duckdb
