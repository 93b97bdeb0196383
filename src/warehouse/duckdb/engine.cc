#include "warehouse/duckdb/engine.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "host/check.h"
#include "host/file_system.h"
#include "schema/text.h"
#include "warehouse/duckdb/checkpointer.h"
#include "warehouse/duckdb/commit_log.h"
#include "warehouse/duckdb/committer.h"
#include "warehouse/duckdb/duckdb_catalog.h"
#include "warehouse/duckdb/errors.h"
#include "warehouse/duckdb/logical_type.h"
#include "warehouse/duckdb/migrations.h"
#include "warehouse/duckdb/read_pool.h"
#include "warehouse/duckdb/runtime_functions.h"
#include "warehouse/duckdb/schema_json.h"
#include "warehouse/duckdb/stored_routines.h"

namespace afluente::warehouse::duckdb {
namespace {

// Rows of the commit log that a start reads without folding them.
constexpr size_t kLogRowsKept = 1000;

// DuckDB's own checkpoints would stop commits at any moment: Checkpointer chooses better ones.
constexpr const char* kAutomaticCheckpoint = "1TB";

absl::StatusOr<DatabaseHandle> OpenFile(const std::string& path, int threads,
                                        uint64_t memory_bytes) {
  ConfigHandle config;
  if (duckdb_create_config(config.out()) != DuckDBSuccess) {
    return absl::InternalError("no DuckDB configuration");
  }
  const std::pair<const char*, std::string> settings[] = {
      {"threads", std::to_string(std::max(threads, 1))},
      {"memory_limit", schema::Concat(memory_bytes >> 20, "MiB")},
      {"checkpoint_threshold", kAutomaticCheckpoint},
      {"autoload_known_extensions", "false"},
      {"autoinstall_known_extensions", "false"},
      {"allow_community_extensions", "false"},
      {"default_null_order", "nulls_first_on_asc_last_on_desc"},
  };
  for (const auto& [name, value] : settings) {
    if (duckdb_set_config(config.get(), name, value.c_str()) != DuckDBSuccess) {
      return absl::InternalError(schema::Concat("DuckDB has no setting ", name));
    }
  }
  DatabaseHandle database;
  char* error = nullptr;
  if (duckdb_open_ext(path.empty() ? nullptr : path.c_str(), database.out(), config.get(),
                      &error) != DuckDBSuccess) {
    return absl::UnavailableError(
        schema::Concat("the warehouse's database does not open: ", TakeString(error)));
  }
  return database;
}

// In this order: afterwards no setting can change.
absl::Status LockDown(Session& session, const std::string& staging) {
  std::string quoted;
  for (char c : staging) quoted += c == '\'' ? std::string("''") : std::string(1, c);
  for (const std::string& statement :
       {std::string("SET TimeZone = 'UTC'"),
        // A cached plan with statistics of its day gives wrong rows once others are appended.
        std::string("SET disabled_optimizers = 'statistics_propagation'"),
        schema::Concat("SET allowed_directories = [", staging.empty() ? "" : "'" + quoted + "'",
                       "]"),
        std::string("SET enable_external_access = false"),
        std::string("SET lock_configuration = true")}) {
    AFLUENTE_RETURN_IF_ERROR(session.Execute(statement));
  }
  return absl::OkStatus();
}

absl::Status CreateOwnTables(Session& session) {
  const std::string settings =
      schema::Concat("INSERT INTO afluente_internal.settings VALUES ('format', ", kFormat,
                     "), ('version_last', 0), ('macros', 0)");
  for (const char* statement :
       {"BEGIN TRANSACTION", "CREATE SCHEMA afluente_internal",
        "CREATE TABLE afluente_internal.settings (name VARCHAR, value BIGINT)", settings.c_str(),
        "CREATE TABLE afluente_internal.datasets (project VARCHAR, dataset VARCHAR)",
        "CREATE TABLE afluente_internal.tables (project VARCHAR, dataset VARCHAR, name VARCHAR, "
        "definition VARCHAR, fed_by VARCHAR, version BIGINT)",
        "CREATE TABLE afluente_internal.functions (function VARCHAR, state BLOB, stored BIGINT, "
        "dropped BIGINT, dead_lettered BIGINT, self_stored BIGINT, removed BIGINT, "
        "row_count BIGINT)",
        "CREATE SEQUENCE afluente_internal.outbox_ids",
        "CREATE TABLE afluente_internal.outbox (id BIGINT, key VARCHAR, topic VARCHAR, data BLOB, "
        "attributes STRUCT(k VARCHAR, v VARCHAR)[], ordering_key VARCHAR)",
        "COMMIT"}) {
    AFLUENTE_RETURN_IF_ERROR(session.Execute(statement));
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> HasOwnTables(Session& session) {
  AFLUENTE_ASSIGN_OR_RETURN(
      ColumnBatch found,
      session.Read("SELECT schema_name FROM duckdb_schemas() WHERE database_name = "
                   "current_database() AND schema_name = 'afluente_internal'"));
  return found.rows > 0;
}

// Reads the catalog; returns the highest version given out.
absl::StatusOr<uint64_t> LoadCatalog(Session& session, LiveCatalog& live) {
  AFLUENTE_ASSIGN_OR_RETURN(int64_t version_last, ReadSetting(session, "version_last"));
  auto snapshot = std::make_shared<CatalogSnapshot>();
  AFLUENTE_ASSIGN_OR_RETURN(ColumnBatch datasets,
                            session.Read("SELECT * FROM afluente_internal.datasets"));
  for (size_t i = 0; i < datasets.rows; ++i) {
    snapshot->datasets.emplace(datasets.columns[0].Bytes(i), datasets.columns[1].Bytes(i));
  }
  AFLUENTE_ASSIGN_OR_RETURN(ColumnBatch tables,
                            session.Read("SELECT * FROM afluente_internal.tables"));
  AFLUENTE_ASSIGN_OR_RETURN(LoadedLog log, CommitLog::Load(session));
  std::vector<TableVersion> versions;
  for (size_t i = 0; i < tables.rows; ++i) {
    auto text = [&](size_t column) { return std::string(tables.columns[column].Bytes(i)); };
    AFLUENTE_ASSIGN_OR_RETURN(TableEntry read, EntryFromJson({text(0), text(1), text(2)}, text(3)));
    auto entry = std::make_shared<TableEntry>(std::move(read));
    entry->fed_by = text(4);
    int64_t version = tables.columns[5].ints[i];
    version_last = std::max(version_last, version);
    versions.push_back({entry->schema.name, static_cast<uint64_t>(version)});
    snapshot->tables[entry->schema.name] = std::move(entry);
  }
  AFLUENTE_RETURN_IF_ERROR(LoadRoutines(session, *snapshot));
  snapshot->generation = 1;
  AFLUENTE_ASSIGN_OR_RETURN(std::vector<DurableRecord> kept,
                            RecordLog::Read(session, kDatasetSpace));
  for (const DurableRecord& record : kept) {
    Dataset dataset = DatasetFromJson(record.value);
    std::pair key(dataset.project, dataset.dataset);
    snapshot->dataset_properties[std::move(key)] = std::move(dataset);
  }
  // In order, so that the newest of a table's versions stays; those of dropped tables are dropped.
  versions.insert(versions.end(), log.versions.begin(), log.versions.end());
  log.version_last = std::max(log.version_last, static_cast<uint64_t>(version_last));
  live.Publish(std::move(snapshot), versions, log.functions);
  // What one run leaves, the next folds: a usual start writes nothing.
  if (log.rows > kLogRowsKept) AFLUENTE_RETURN_IF_ERROR(CommitLog(session).Fold(log));
  return log.version_last;
}

// Only when a newer program brings others, so that a usual start writes nothing.
absl::Status RefreshMacros(Session& session) {
  AFLUENTE_ASSIGN_OR_RETURN(int64_t kept, ReadSetting(session, "macros"));
  if (kept == MacrosFingerprint()) return absl::OkStatus();
  AFLUENTE_RETURN_IF_ERROR(session.Execute("BEGIN TRANSACTION"));
  AFLUENTE_RETURN_IF_ERROR(CreateMacros(session));
  Arguments arguments;
  arguments.push_back(IntegerArgument(MacrosFingerprint()));
  AFLUENTE_RETURN_IF_ERROR(session.Execute(
      "UPDATE afluente_internal.settings SET value = $1 WHERE name = 'macros'", arguments));
  return session.Execute("COMMIT");
}

absl::Status PrepareFile(Session& session) {
  AFLUENTE_ASSIGN_OR_RETURN(bool known, HasOwnTables(session));
  if (!known) AFLUENTE_RETURN_IF_ERROR(CreateOwnTables(session));
  AFLUENTE_RETURN_IF_ERROR(Migrate(session));
  AFLUENTE_RETURN_IF_ERROR(CommitLog::Create(session));
  AFLUENTE_RETURN_IF_ERROR(CreateRoutinesTable(session));
  AFLUENTE_RETURN_IF_ERROR(RecordLog::Create(session));
  return RefreshMacros(session);
}

// What a dead process left there is nobody's.
void EmptyDirectory(const std::string& directory) {
  std::error_code ignored;
  std::filesystem::remove_all(directory, ignored);
  mkdir(directory.c_str(), 0700);
}

// What scripts left that a crash ended.
absl::Status DropTemporaryDatasets(Engine& engine) {
  std::vector<std::pair<std::string, std::string>> left;
  for (const auto& [project, dataset] : engine.live.snapshot()->datasets) {
    if (IsTemporaryDataset(dataset)) left.emplace_back(project, dataset);
  }
  if (left.empty()) return absl::OkStatus();
  return engine.committer->Run([&](WriteTransaction& transaction) -> absl::Status {
    for (const auto& [project, dataset] : left) {
      AFLUENTE_RETURN_IF_ERROR(DropDatasetIn(transaction, project, dataset, true));
    }
    return absl::OkStatus();
  });
}

}  // namespace

Engine::Engine() = default;
Engine::~Engine() = default;

absl::StatusOr<std::unique_ptr<Engine>> OpenEngine(const DuckdbOptions& options) {
  auto engine = std::make_unique<Engine>();
  engine->path = options.directory + "/warehouse.duckdb";
  engine->staging = options.directory + "/staging";
  EmptyDirectory(engine->staging);
  AFLUENTE_ASSIGN_OR_RETURN(engine->database,
                            OpenFile(engine->path, options.threads, options.memory_bytes));
  host::PosixFileSystem files;
  AFLUENTE_ASSIGN_OR_RETURN(engine->own_file,
                            files.Open(engine->path, host::FileSystem::Mode::kRead));
  AFLUENTE_ASSIGN_OR_RETURN(std::unique_ptr<Session> session,
                            Session::Connect(engine->database.get()));
  AFLUENTE_RETURN_IF_ERROR(RegisterRuntimeFunctions(session->connection()));
  AFLUENTE_RETURN_IF_ERROR(RegisterJavaScript(session->connection(), options.javascript));
  AFLUENTE_RETURN_IF_ERROR(PrepareFile(*session));
  AFLUENTE_RETURN_IF_ERROR(LockDown(*session, engine->staging));
  AFLUENTE_ASSIGN_OR_RETURN(uint64_t version_last, LoadCatalog(*session, engine->live));
  engine->committer = std::make_unique<Committer>(std::move(session), engine->live, version_last);
  AFLUENTE_RETURN_IF_ERROR(engine->committer->Open());
  AFLUENTE_RETURN_IF_ERROR(DropTemporaryDatasets(*engine));
  engine->readers = std::make_unique<ReadPool>(engine->database.get(),
                                               std::max<size_t>(options.connections_max, 1));
  engine->checkpointer = std::make_unique<Checkpointer>(*engine->committer, engine->path);
  return engine;
}

absl::StatusOr<DatabaseHandle> OpenInMemory(int threads, uint64_t memory_bytes) {
  AFLUENTE_ASSIGN_OR_RETURN(DatabaseHandle database, OpenFile("", threads, memory_bytes));
  AFLUENTE_ASSIGN_OR_RETURN(std::unique_ptr<Session> session, Session::Connect(database.get()));
  AFLUENTE_RETURN_IF_ERROR(session->Execute("SET temp_directory = ''"));
  return database;
}

absl::StatusOr<DatabaseHandle> OpenPrivate(int threads, uint64_t memory_bytes) {
  AFLUENTE_ASSIGN_OR_RETURN(DatabaseHandle database, OpenFile("", threads, memory_bytes));
  AFLUENTE_ASSIGN_OR_RETURN(std::unique_ptr<Session> session, Session::Connect(database.get()));
  AFLUENTE_RETURN_IF_ERROR(RegisterRuntimeFunctions(session->connection()));
  AFLUENTE_RETURN_IF_ERROR(CreateMacros(*session));
  AFLUENTE_RETURN_IF_ERROR(LockDown(*session, ""));
  return database;
}

}  // namespace afluente::warehouse::duckdb
