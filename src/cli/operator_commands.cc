#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <thread>

#include "absl/strings/str_cat.h"
#include "cli/admin_client.h"
#include "cli/commands.h"
#include "cli/offline_pipeline.h"
#include "cli/table_printer.h"
#include "console/admin_door.h"
#include "console/admin_query.h"
#include "host/check.h"
#include "host/clock.h"
#include "http/client.h"
#include "roles/pipeline.h"
#include "spec/spec.h"
#include "telemetry/metrics.h"
#include "warehouse/duckdb/duckdb_database.h"

namespace afluente::cli {
namespace {

absl::StatusOr<nlohmann::json> AskCheck(const InstanceLocation& location) {
  auto instance = FindInstance(location);
  if (!instance.ok()) {
    if (!location.ready_file.empty()) return instance.status();
    AFLUENTE_ASSIGN_OR_RETURN(auto offline, OpenOffline(location));
    AFLUENTE_ASSIGN_OR_RETURN(const auto balances, offline->pipeline->Check());
    return nlohmann::json::parse(console::BalancesToJson(balances));
  }
  return AskAdmin(*instance, "GET", "/v1/check");
}

absl::StatusOr<nlohmann::json> AskQuery(const InstanceLocation& location, const std::string& body) {
  auto instance = FindInstance(location);
  if (instance.ok()) return AskAdmin(*instance, "POST", "/v1/query", body);
  if (!location.ready_file.empty()) return instance.status();
  AFLUENTE_ASSIGN_OR_RETURN(auto offline, OpenOffline(location));
  AFLUENTE_ASSIGN_OR_RETURN(const std::string answer,
                            console::RunAdminQuery(body, offline->spec.project,
                                                   offline->pipeline->database().warehouse()));
  return nlohmann::json::parse(answer);
}

std::string Text(const nlohmann::json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

}  // namespace

int RunCheck(const InstanceLocation& location, bool json) {
  const auto answer = AskCheck(location);
  if (!answer.ok()) return Fail(answer.status());
  const bool balanced = answer->value("balanced", false);
  if (json) {
    std::printf("%s\n", answer->dump().c_str());
    return balanced ? 0 : 1;
  }
  TablePrinter table({"function", "published", "stored", "dropped", "dead-lettered", "pending",
                      "rows", "balance"});
  for (const auto& entry : answer->at("functions")) {
    std::string name = Text(entry["name"]);
    if (entry.contains("standing")) name += " (" + Text(entry["standing"]) + ")";
    table.Add({name, Text(entry["published"]), Text(entry["stored"]), Text(entry["dropped"]),
               Text(entry["dead_lettered"]), Text(entry["pending"]), Text(entry["rows"]),
               entry["balanced"].get<bool>() ? "exact" : "DOES NOT BALANCE"});
  }
  table.Print();
  for (const auto& entry : answer->at("functions")) {
    for (const char* side : {"missing", "doubled"}) {
      if (!entry.contains(side)) continue;
      for (const auto& id : entry[side])
        std::printf("%s: %s %s\n", Text(entry["name"]).c_str(), side, Text(id).c_str());
    }
    if (!entry.contains("dropped_by_operator")) continue;
    std::printf("%s: %s messages were dropped by an operator\n", Text(entry["name"]).c_str(),
                Text(entry["dropped_by_operator"]).c_str());
  }
  return balanced ? 0 : 1;
}

int RunDrain(const InstanceLocation& location, int timeout_seconds) {
  auto instance = FindInstance(location);
  if (!instance.ok()) return Fail(instance.status());
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(timeout_seconds);
  while (true) {
    auto backlog = AskAdmin(*instance, "GET", "/v1/backlog");
    if (!backlog.ok()) return Fail(backlog.status());
    const uint64_t messages = backlog->value("messages", uint64_t{0});
    if (messages == 0) return 0;
    if (std::chrono::steady_clock::now() > until) {
      return Fail(absl::DeadlineExceededError(
          absl::StrCat("still ", messages, " messages pending after ", timeout_seconds, " s")));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

int RunQuery(const InstanceLocation& location, const QueryOptions& options) {
  nlohmann::json request = {{"sql", options.sql}, {"parameters", nlohmann::json::array()}};
  for (const std::string& parameter : options.parameters) {
    // NAME:TYPE:VALUE; the value may hold colons.
    const size_t first = parameter.find(':');
    const size_t second = first == std::string::npos ? first : parameter.find(':', first + 1);
    if (second == std::string::npos) {
      return Fail(absl::InvalidArgumentError(
          absl::StrCat("--param ", parameter, ": expected NAME:TYPE:VALUE")));
    }
    request["parameters"].push_back({{"name", parameter.substr(0, first)},
                                     {"type", parameter.substr(first + 1, second - first - 1)},
                                     {"value", parameter.substr(second + 1)}});
  }
  if (options.limit) request["limit"] = *options.limit;
  const auto answer =
      AskQuery(location, request.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  // A statement that is wrong is a failed command, not wrong usage of this one.
  if (!answer.ok()) return Fail(absl::UnavailableError(answer.status().message()));
  if (options.json) {
    nlohmann::json out = {{"rows", answer->at("rows")}};
    if (answer->contains("affected_rows")) out["affected_rows"] = answer->at("affected_rows");
    std::printf("%s\n", out.dump().c_str());
    return 0;
  }
  if (answer->contains("affected_rows")) {
    std::printf("%s rows affected\n", Text(answer->at("affected_rows")).c_str());
    return 0;
  }
  std::vector<std::string> names;
  for (const auto& column : answer->at("columns")) names.push_back(Text(column["name"]));
  TablePrinter table(names);
  for (const auto& row : answer->at("rows")) {
    std::vector<std::string> cells;
    for (const std::string& name : names) cells.push_back(Text(row.at(name)));
    table.Add(std::move(cells));
  }
  table.Print();
  return 0;
}

int RunEnv(const InstanceLocation& location) {
  auto instance = FindInstance(location);
  if (!instance.ok()) return Fail(instance.status());
  std::printf("export PUBSUB_EMULATOR_HOST=%s\n", instance->pubsub.c_str());
  std::printf("export PUBSUB_PROJECT_ID=%s\n", instance->project.c_str());
  std::printf("export BIGQUERY_EMULATOR_HOST=%s\n", instance->bigquery.c_str());
  std::printf("export GOOGLE_CLOUD_PROJECT=%s\n", instance->project.c_str());
  return 0;
}

int RunHealth(const InstanceLocation& location) {
  auto instance = FindInstance(location);
  if (!instance.ok()) return Fail(instance.status());
  const auto response = http::Fetch("GET", instance->admin + "/readyz");
  if (!response.ok()) return Fail(response.status());
  return response->status == 200 ? 0 : 1;
}

int RunHealthOfRole() {
  const char* const port = std::getenv("PORT");
  if (port == nullptr) return Fail(absl::InvalidArgumentError("PORT names the role's door"));
  const auto response = http::Fetch("GET", absl::StrCat("http://127.0.0.1:", port, "/health"));
  if (!response.ok()) return Fail(response.status());
  return response->status == 200 ? 0 : 1;
}

}  // namespace afluente::cli
