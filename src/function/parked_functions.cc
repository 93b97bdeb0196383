#include "function/parked_functions.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "function/function.h"
#include "function/transform.h"
#include "host/check.h"
#include "telemetry/log.h"

namespace afluente::function {
namespace {

// Of a function that is never started.
class NoTransform final : public Transform {
 public:
  std::vector<Decision> Run(std::vector<Attempt> attempts) override {
    AFLUENTE_CHECK(attempts.empty());
    return {};
  }
};

// As its state has it: nothing that only matters when a message is decided.
absl::StatusOr<Settings> SettingsOf(const std::string& name, const State& state) {
  if (state.dead_letter_table.table.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat("function ", name, " left the specification, and its state is of a version ",
                     "that did not write down its table; start once with it in the specification"));
  }
  Settings settings;
  settings.name = name;
  settings.topic = state.topic;
  settings.filter_text = state.filter;
  AFLUENTE_ASSIGN_OR_RETURN(settings.filter, event::Filter::Parse(state.filter));
  settings.table = state.table;
  settings.dead_letter_table = state.dead_letter_table;
  return settings;
}

bool Contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// BigQuery subscriptions keep their state beside the functions'.
bool IsFunction(const std::string& name) { return name.find(':') == std::string::npos; }

absl::Status CheckTable(const NamedFunctions& named, const std::string& parked,
                        const warehouse::TableName& table) {
  if (table.table.empty()) return absl::OkStatus();
  for (const NamedFunctions::Current& each : named.current) {
    if (each.table != table) continue;
    return absl::FailedPreconditionError(absl::StrCat(
        "function ", each.name, " feeds ", table.ToString(), ", which holds the rows of function ",
        parked, "; if it is the same function under a new name, say previous_name: ", parked));
  }
  return absl::OkStatus();
}

}  // namespace

ParkedFunctions::ParkedFunctions(std::vector<std::string> removed, warehouse::Warehouse& warehouse)
    : removed_(std::move(removed)), warehouse_(warehouse) {}

ParkedFunctions::~ParkedFunctions() = default;

absl::StatusOr<std::unique_ptr<ParkedFunctions>> ParkedFunctions::Open(
    const NamedFunctions& named, broker::Topics& topics, warehouse::Warehouse& warehouse,
    const host::Clock& clock, telemetry::Metrics& metrics) {
  std::vector<std::string> current;
  for (const NamedFunctions::Current& each : named.current) {
    current.push_back(each.name);
    if (!each.previous_name.empty()) current.push_back(each.previous_name);
  }
  std::unique_ptr<ParkedFunctions> made(new ParkedFunctions(named.removed, warehouse));
  AFLUENTE_ASSIGN_OR_RETURN(const auto records, warehouse.Functions());
  for (const warehouse::FunctionRecord& record : records) {
    const std::string& name = record.function;
    if (record.state.empty() || !IsFunction(name) || Contains(current, name)) continue;
    AFLUENTE_ASSIGN_OR_RETURN(const State state, State::Decode(record.state));
    if (state.removed) {
      const auto account = warehouse.Account(name, state.table);
      // A table of that name that no function feeds is another one.
      if (absl::IsFailedPrecondition(account.status())) continue;
      AFLUENTE_RETURN_IF_ERROR(account.status());
      if (account->messages_in_table == 0) continue;
      AFLUENTE_RETURN_IF_ERROR(CheckTable(named, name, state.table));
      continue;
    }
    AFLUENTE_ASSIGN_OR_RETURN(Settings settings, SettingsOf(name, state));
    AFLUENTE_RETURN_IF_ERROR(CheckTable(named, name, state.table));
    AFLUENTE_ASSIGN_OR_RETURN(auto function,
                              Function::Create(std::move(settings), std::make_unique<NoTransform>(),
                                               topics, warehouse, clock, metrics));
    if (Contains(named.removed, name)) {
      AFLUENTE_RETURN_IF_ERROR(function->Remove());
      telemetry::Log(
          telemetry::Severity::kWarning, "a function was removed",
          {{"function", name}, {"dropped", std::to_string(function->state().dropped_by_operator)}});
      continue;
    }
    telemetry::Log(telemetry::Severity::kWarning,
                   "a function left the specification: it is parked and keeps its messages; "
                   "removed: true releases them",
                   {{"function", name}, {"pending", std::to_string(function->backlog())}});
    made->parked_.push_back(std::move(function));
  }
  return made;
}

absl::StatusOr<std::vector<Balance>> ParkedFunctions::Check() {
  std::vector<Balance> balances;
  for (const auto& function : parked_) {
    AFLUENTE_ASSIGN_OR_RETURN(Balance balance, function->Check());
    balance.standing = Balance::Standing::kParked;
    balances.push_back(std::move(balance));
  }
  AFLUENTE_ASSIGN_OR_RETURN(const auto records, warehouse_.Functions());
  for (const warehouse::FunctionRecord& record : records) {
    if (record.state.empty() || !Contains(removed_, record.function)) continue;
    AFLUENTE_ASSIGN_OR_RETURN(const State state, State::Decode(record.state));
    AFLUENTE_ASSIGN_OR_RETURN(const auto account, warehouse_.Account(record.function, state.table));
    balances.push_back(BalanceOf(record.function, state, account));
  }
  return balances;
}

std::vector<std::string> ParkedFunctions::names() const {
  std::vector<std::string> names;
  for (const auto& function : parked_) names.push_back(function->settings().name);
  return names;
}

}  // namespace afluente::function
