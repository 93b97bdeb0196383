#include "roles/pipeline.h"

#include <algorithm>
#include <future>
#include <utility>

#include "absl/strings/str_cat.h"
#include "broker/broker.h"
#include "function/dead_letter_relay.h"
#include "function/function.h"
#include "function/operations.h"
#include "function/parked_functions.h"
#include "function/storing_subscriptions.h"
#include "host/check.h"
#include "host/clock.h"
#include "host/data_directory.h"
#include "host/file_system.h"
#include "http/connection_pool.h"
#include "roles/apply_spec.h"
#include "roles/make_transform.h"
#include "spec/spec.h"
#include "telemetry/log.h"
#include "telemetry/measured_files.h"
#include "telemetry/metric_names.h"
#include "telemetry/metrics.h"
#include "warehouse/duckdb/duckdb_database.h"
#include "warehouse/javascript/script_functions.h"

namespace afluente::roles {

// Members are destroyed from the last up: functions before the engines, the lock last.
struct Pipeline::State {
  std::unique_ptr<host::DataDirectory> directory;
  host::PosixFileSystem files;
  std::unique_ptr<telemetry::MeasuredFileSystem> journal_files;
  std::unique_ptr<broker::Broker> broker;
  std::unique_ptr<warehouse::duckdb::DuckdbDatabase> database;
  // Of functions over HTTP.
  std::unique_ptr<http::IoThreads> io_threads;
  std::unique_ptr<http::ConnectionPool> connections;
  std::unique_ptr<function::ParkedFunctions> parked;
  std::vector<std::unique_ptr<function::Function>> functions;
  std::vector<function::Operations> operations;
  std::unique_ptr<function::DeadLetterRelay> dead_letter_relay;  // where a function names a topic
  std::unique_ptr<function::StoringSubscriptions> subscriptions;
};

namespace {

absl::StatusOr<function::Settings> MakeSettings(const spec::Function& function,
                                                const std::string& project) {
  function::Settings settings;
  settings.name = function.name;
  settings.previous_name = function.previous_name;
  settings.topic = absl::StrCat("projects/", project, "/topics/", function.topic);
  settings.filter_text = function.filter;
  AFLUENTE_ASSIGN_OR_RETURN(settings.filter, event::Filter::Parse(function.filter));
  settings.table = {project, function.dataset, function.table};
  settings.dead_letter_table = {project, function.dataset, "dead_letters"};
  if (!function.dead_letter_policy.topic.empty()) {
    settings.dead_letter_topic =
        absl::StrCat("projects/", project, "/topics/", function.dead_letter_policy.topic);
  }
  settings.retry = {function.retry_policy.minimum_backoff, function.retry_policy.maximum_backoff,
                    function.dead_letter_policy.max_delivery_attempts};
  settings.enable_message_ordering = function.enable_message_ordering;
  settings.start_latest = function.start == spec::Start::kLatest;
  return settings;
}

// A new table with the columns of the function's own.
absl::Status MakeTableLike(const spec::Spec& spec, const spec::Function& function,
                           const warehouse::TableName& name, warehouse::Catalog& catalog) {
  const spec::Table* table = FindTable(spec, function);
  if (table == nullptr) {
    return absl::FailedPreconditionError("function " + function.name + " has no table");
  }
  if (catalog.FindTable(name)) {
    return absl::AlreadyExistsError("table " + name.ToString() + " is there already");
  }
  warehouse::TableSchema schema = ToTableSchema(spec, function.dataset, *table);
  schema.name = name;
  schema.function_fed = true;
  return catalog.EnsureTable(schema);
}

function::Operations MakeOperations(const spec::Function& function, const TransformParts& parts,
                                    function::Function& worker,
                                    warehouse::duckdb::DuckdbDatabase& database,
                                    const host::Clock& clock) {
  const function::TransformSource source = [&function, parts](const function::TransformText& text) {
    if (text.sql.empty() && text.javascript.empty()) return MakeTransform(function, parts);
    spec::Function changed = function;
    changed.sql = text.sql;
    changed.sql_file = "the given sql";
    changed.javascript.reset();
    changed.http.reset();
    if (!text.javascript.empty()) {
      changed.javascript = {"the given javascript", text.javascript, ""};
    }
    return MakeTransform(changed, parts);
  };
  function::Operations operations;
  operations.function = &worker;
  operations.dead_letters =
      std::make_unique<function::DeadLetters>(worker, database.warehouse(), source, clock);
  operations.dry_run = std::make_unique<function::DryRun>(worker, database.warehouse(), source);
  operations.backfill = std::make_unique<function::Backfill>(worker, source, clock);
  operations.replay = std::make_unique<function::Replay>(
      worker, source,
      [&function, parts, &database](const warehouse::TableName& name) {
        return MakeTableLike(parts.spec, function, name, database.catalog());
      },
      clock);
  return operations;
}

function::NamedFunctions NamesOf(const spec::Spec& spec) {
  function::NamedFunctions named;
  for (const spec::Function& function : spec.functions) {
    named.current.push_back(
        {function.name, function.previous_name, {spec.project, function.dataset, function.table}});
  }
  named.removed = spec.removed_functions;
  return named;
}

// Also for what is left of functions that are gone.
absl::StatusOr<bool> NeedsRelay(const spec::Spec& spec, warehouse::Warehouse& warehouse) {
  for (const spec::Function& function : spec.functions) {
    if (!function.dead_letter_policy.topic.empty()) return true;
  }
  AFLUENTE_ASSIGN_OR_RETURN(const auto waiting, warehouse.Outbox(1));
  return !waiting.empty();
}

}  // namespace

void Pipeline::OpenConnections(const spec::Spec& spec, State& state) {
  http::PoolOptions options;
  for (const spec::Function& function : spec.functions) {
    if (!function.http) continue;
    options.answer_bytes_max = std::max(options.answer_bytes_max, function.http->response_bytes);
  }
  state.io_threads = std::make_unique<http::IoThreads>(1);
  state.connections = http::ConnectionPool::Create(*state.io_threads, options);
}

absl::StatusOr<std::unique_ptr<Pipeline>> Pipeline::Open(
    const spec::Spec& spec, const std::string& data_dir, const host::Clock& clock,
    telemetry::Metrics& metrics, const BeforeCleaning& before_cleaning, telemetry::Tracer* tracer) {
  auto state = std::make_unique<State>();
  AFLUENTE_ASSIGN_OR_RETURN(state->directory, host::DataDirectory::Open(data_dir));
  broker::BrokerOptions broker_options;
  broker_options.directory = state->directory->PathOf("journal");
  broker_options.journal.on_trouble = [](const absl::Status& trouble) {
    telemetry::Log(telemetry::Severity::kError, "journal", {{"error", trouble.ToString()}});
  };
  warehouse::duckdb::DuckdbOptions database_options;
  database_options.directory = state->directory->PathOf("warehouse");
  AFLUENTE_RETURN_IF_ERROR(state->files.CreateDirectory(database_options.directory));
  // Half of the process's memory; the journal's memory and connections have the rest.
  database_options.memory_bytes = spec.limits.memory_bytes / 2;
  database_options.threads = spec.limits.threads;
  database_options.javascript = std::make_shared<warehouse::ScriptFunctions>();
  // Both read and sync their own files: together they take as long as the slower one.
  auto database = std::async(std::launch::async, [&database_options] {
    return warehouse::duckdb::DuckdbDatabase::Open(database_options);
  });
  state->journal_files = std::make_unique<telemetry::MeasuredFileSystem>(
      state->files, metrics.GetHistogram(telemetry::kSyncSeconds, "Time of a journal's sync."));
  auto broker = broker::Broker::Open(*state->journal_files, clock, broker_options);
  AFLUENTE_ASSIGN_OR_RETURN(state->database, database.get());
  AFLUENTE_ASSIGN_OR_RETURN(state->broker, std::move(broker));
  AFLUENTE_RETURN_IF_ERROR(ApplySpec(spec, *state->broker, state->database->catalog()));
  AFLUENTE_ASSIGN_OR_RETURN(
      state->parked, function::ParkedFunctions::Open(NamesOf(spec), *state->broker,
                                                     state->database->warehouse(), clock, metrics));
  OpenConnections(spec, *state);
  const TransformParts parts{spec, state->database->batch_sql_compiler(), *state->connections};
  for (const spec::Function& function : spec.functions) {
    AFLUENTE_ASSIGN_OR_RETURN(auto settings, MakeSettings(function, spec.project));
    settings.tracer = tracer;
    AFLUENTE_ASSIGN_OR_RETURN(auto transform, MakeTransform(function, parts));
    AFLUENTE_ASSIGN_OR_RETURN(
        auto worker,
        function::Function::Create(std::move(settings), std::move(transform), *state->broker,
                                   state->database->warehouse(), clock, metrics));
    metrics.AddGauge(telemetry::kFunctionBacklog, "Messages behind a function's position.",
                     {{"function", function.name}},
                     [worker = worker.get()] { return static_cast<double>(worker->backlog()); });
    metrics.AddGauge(telemetry::kFunctionWaiting,
                     "Messages that are being tried, or wait for their next attempt.",
                     {{"function", function.name}}, [worker = worker.get()] {
                       return static_cast<double>(worker->progress().waiting);
                     });
    state->functions.push_back(std::move(worker));
    state->operations.push_back(
        MakeOperations(function, parts, *state->functions.back(), *state->database, clock));
  }
  AFLUENTE_ASSIGN_OR_RETURN(const bool relay, NeedsRelay(spec, state->database->warehouse()));
  if (relay) {
    state->dead_letter_relay =
        std::make_unique<function::DeadLetterRelay>(*state->broker, state->database->warehouse());
  }
  state->subscriptions = std::make_unique<function::StoringSubscriptions>(
      *state->broker, state->database->warehouse(), state->database->catalog(),
      [broker = state->broker.get()](const std::string& topic) {
        return function::MakeTopicJson(*broker, *broker, topic);
      });
  if (before_cleaning) AFLUENTE_RETURN_IF_ERROR(before_cleaning(*state->broker));
  state->broker->AllowCleaning();
  metrics.AddGauge(telemetry::kJournalBytes, "Size of the journal on disk.", {},
                   [broker = state->broker.get()] {
                     return static_cast<double>(broker->Stats().journal_bytes);
                   });
  return std::unique_ptr<Pipeline>(new Pipeline(std::move(state)));
}

Pipeline::Pipeline(std::unique_ptr<State> state) : state_(std::move(state)) {}
Pipeline::~Pipeline() = default;

void Pipeline::StartFunctions() {
  for (auto& function : state_->functions) function->Start();
  for (auto& operations : state_->operations) operations.replay->Resume();
  if (state_->dead_letter_relay) state_->dead_letter_relay->Start();
  std::vector<std::string> names;
  for (const auto& each : state_->broker->Stats().subscriptions) names.push_back(each.name);
  state_->subscriptions->Start(names);
}

void Pipeline::StopFunctions() {
  for (auto& operations : state_->operations) operations.replay->Stop();
  for (auto& function : state_->functions) function->Stop();
  if (state_->dead_letter_relay) state_->dead_letter_relay->Stop();
  state_->subscriptions->Stop();
}

absl::StatusOr<std::vector<function::Balance>> Pipeline::Check() {
  std::vector<function::Balance> balances;
  for (auto& function : state_->functions) {
    AFLUENTE_ASSIGN_OR_RETURN(auto balance, function->Check());
    balances.push_back(std::move(balance));
  }
  AFLUENTE_ASSIGN_OR_RETURN(auto parked, state_->parked->Check());
  for (auto& balance : parked) balances.push_back(std::move(balance));
  return balances;
}

uint64_t Pipeline::Backlog() const {
  uint64_t messages = 0;
  for (const auto& function : state_->functions) messages += function->backlog();
  return messages;
}

const std::vector<function::Operations>& Pipeline::operations() const { return state_->operations; }

std::optional<host::WallTime> Pipeline::Freshness(const warehouse::TableName& table) const {
  for (const auto& function : state_->functions) {
    const warehouse::TableName& fed = function->settings().table;
    if (fed.project == table.project && fed.dataset == table.dataset && fed.table == table.table) {
      return function->newest_publish_time();
    }
  }
  return std::nullopt;
}

broker::Broker& Pipeline::broker() { return *state_->broker; }
broker::Subscriptions& Pipeline::subscriptions() { return *state_->subscriptions; }
warehouse::duckdb::DuckdbDatabase& Pipeline::database() { return *state_->database; }

}  // namespace afluente::roles
