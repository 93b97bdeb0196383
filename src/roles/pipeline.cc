#include "roles/pipeline.h"

#include <future>
#include <utility>

#include "absl/strings/str_cat.h"
#include "broker/broker.h"
#include "function/by_name_transform.h"
#include "function/dead_letter_relay.h"
#include "function/function.h"
#include "function/sql_transform.h"
#include "function/storing_subscriptions.h"
#include "host/check.h"
#include "host/clock.h"
#include "host/data_directory.h"
#include "host/file_system.h"
#include "roles/apply_spec.h"
#include "spec/spec.h"
#include "telemetry/log.h"
#include "telemetry/metric_names.h"
#include "telemetry/metrics.h"
#include "warehouse/duckdb/duckdb_database.h"

namespace afluente::roles {

// Members are destroyed from the last up: functions before the engines, the lock last.
struct Pipeline::State {
  std::unique_ptr<host::DataDirectory> directory;
  host::PosixFileSystem files;
  std::unique_ptr<broker::Broker> broker;
  std::unique_ptr<warehouse::duckdb::DuckdbDatabase> database;
  std::vector<std::unique_ptr<function::Function>> functions;
  std::unique_ptr<function::DeadLetterRelay> dead_letter_relay;  // where a function names a topic
  std::unique_ptr<function::StoringSubscriptions> subscriptions;
};

namespace {

absl::StatusOr<std::unique_ptr<function::Transform>> MakeTransform(
    const spec::Function& function, const spec::Spec& spec,
    warehouse::duckdb::DuckdbDatabase& database) {
  const spec::Table* table = FindTable(spec, function);
  AFLUENTE_CHECK(table != nullptr);  // spec::Load refuses dangling tables
  if (function.sql.empty()) {
    return std::make_unique<function::ByNameTransform>(table->schema, function.unknown_fields);
  }
  auto statement = database.batch_sql_compiler().Compile(
      function.sql, ToTableSchema(spec, function.dataset, *table));
  if (!statement.ok()) {
    return absl::Status(statement.status().code(),
                        absl::StrCat(function.sql_file, ": ", statement.status().message()));
  }
  return std::make_unique<function::SqlTransform>(*std::move(statement));
}

absl::StatusOr<function::Settings> MakeSettings(const spec::Function& function,
                                                const std::string& project) {
  function::Settings settings;
  settings.name = function.name;
  settings.topic = absl::StrCat("projects/", project, "/topics/", function.topic);
  settings.filter_text = function.filter;
  AFLUENTE_ASSIGN_OR_RETURN(settings.filter, event::Filter::Parse(function.filter));
  settings.table = {project, function.dataset, function.table};
  settings.dead_letter_table = {project, function.dataset, "dead_letters"};
  if (!function.dead_letter_policy.topic.empty()) {
    settings.dead_letter_topic =
        absl::StrCat("projects/", project, "/topics/", function.dead_letter_policy.topic);
  }
  settings.start_latest = function.start == spec::Start::kLatest;
  return settings;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Pipeline>> Pipeline::Open(const spec::Spec& spec,
                                                         const std::string& data_dir,
                                                         const host::Clock& clock,
                                                         telemetry::Metrics& metrics) {
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
  // Both read and sync their own files: together they take as long as the slower one.
  auto database = std::async(std::launch::async, [&database_options] {
    return warehouse::duckdb::DuckdbDatabase::Open(database_options);
  });
  auto broker = broker::Broker::Open(state->files, clock, broker_options);
  AFLUENTE_ASSIGN_OR_RETURN(state->database, database.get());
  AFLUENTE_ASSIGN_OR_RETURN(state->broker, std::move(broker));
  AFLUENTE_RETURN_IF_ERROR(ApplySpec(spec, *state->broker, state->database->catalog()));
  for (const spec::Function& function : spec.functions) {
    AFLUENTE_ASSIGN_OR_RETURN(auto settings, MakeSettings(function, spec.project));
    AFLUENTE_ASSIGN_OR_RETURN(auto transform, MakeTransform(function, spec, *state->database));
    AFLUENTE_ASSIGN_OR_RETURN(
        auto worker,
        function::Function::Create(std::move(settings), std::move(transform), *state->broker,
                                   state->database->warehouse(), clock, metrics));
    metrics.AddGauge(telemetry::kFunctionBacklog, "Messages behind a function's position.",
                     {{"function", function.name}},
                     [worker = worker.get()] { return static_cast<double>(worker->backlog()); });
    state->functions.push_back(std::move(worker));
    if (function.dead_letter_policy.topic.empty() || state->dead_letter_relay) continue;
    state->dead_letter_relay =
        std::make_unique<function::DeadLetterRelay>(*state->broker, state->database->warehouse());
  }
  state->subscriptions = std::make_unique<function::StoringSubscriptions>(
      *state->broker, state->database->warehouse(), state->database->catalog(),
      [broker = state->broker.get()](const std::string& topic) {
        return function::MakeTopicJson(*broker, *broker, topic);
      });
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
  if (state_->dead_letter_relay) state_->dead_letter_relay->Start();
  std::vector<std::string> names;
  for (const auto& each : state_->broker->Stats().subscriptions) names.push_back(each.name);
  state_->subscriptions->Start(names);
}

void Pipeline::StopFunctions() {
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
  return balances;
}

uint64_t Pipeline::Backlog() const {
  uint64_t messages = 0;
  for (const auto& function : state_->functions) messages += function->backlog();
  return messages;
}

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
