#include "console/admin_door.h"

#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "host/check.h"
#include "http/loopback_guard.h"
#include "http/problem.h"
#include "http/router.h"
#include "schema/parse_value.h"
#include "warehouse/row_json.h"

namespace afluente::console {
namespace {

constexpr std::chrono::seconds kQueryTimeout{60};
constexpr uint64_t kRowsMax = 1'000'000;

absl::StatusOr<warehouse::Parameter> ReadParameter(const nlohmann::json& json) {
  const bool complete = json.is_object() && json.contains("name") && json["name"].is_string() &&
                        json.contains("type") && json["type"].is_string() && json.contains("value");
  if (!complete) {
    return absl::InvalidArgumentError("$.parameters: each needs name, type and value");
  }
  warehouse::Parameter parameter;
  parameter.name = json["name"].get<std::string>();
  AFLUENTE_ASSIGN_OR_RETURN(parameter.type, schema::ParseType(json["type"].get<std::string>()));
  if (json["value"].is_null()) return parameter;
  if (!json["value"].is_string()) {
    return absl::InvalidArgumentError(
        absl::StrCat("$.parameters: ", parameter.name, ": the value is a string or null"));
  }
  auto value = schema::ParseValue(parameter.type, json["value"].get<std::string>());
  if (!value.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("parameter ", parameter.name, ": ", value.status().message()));
  }
  parameter.value = *std::move(value);
  return parameter;
}

struct Query {
  warehouse::Statement statement;
  std::vector<warehouse::Parameter> parameters;
  warehouse::QueryLimits limits;
};

absl::StatusOr<Query> ReadQuery(const std::string& body, const std::string& project) {
  const auto json = nlohmann::json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return absl::InvalidArgumentError("$: expected a JSON object");
  for (const auto& [key, value] : json.items()) {
    if (key != "sql" && key != "parameters" && key != "limit") {
      return absl::InvalidArgumentError(absl::StrCat("$.", key, ": unknown field"));
    }
  }
  Query query;
  if (!json.contains("sql") || !json["sql"].is_string()) {
    return absl::InvalidArgumentError("$.sql: expected a string");
  }
  query.statement.text = json["sql"].get<std::string>();
  query.statement.default_project = project;
  query.limits.timeout = kQueryTimeout;
  query.limits.rows_max = kRowsMax;
  if (json.contains("limit")) {
    if (!json["limit"].is_number_unsigned()) {
      return absl::InvalidArgumentError("$.limit: expected a number of rows");
    }
    query.limits.rows_max = std::min(kRowsMax, json["limit"].get<uint64_t>());
  }
  if (!json.contains("parameters")) return query;
  if (!json["parameters"].is_array()) {
    return absl::InvalidArgumentError("$.parameters: expected an array");
  }
  for (const auto& entry : json["parameters"]) {
    AFLUENTE_ASSIGN_OR_RETURN(auto parameter, ReadParameter(entry));
    query.parameters.push_back(std::move(parameter));
  }
  return query;
}

// {"columns": [{"name", "type"}], "rows": [{...}], "affected_rows"}
absl::StatusOr<std::string> RunQuery(const std::string& body, const AdminPorts& ports) {
  AFLUENTE_ASSIGN_OR_RETURN(const Query query, ReadQuery(body, ports.project));
  AFLUENTE_ASSIGN_OR_RETURN(auto rows,
                            ports.warehouse.Query(query.statement, query.parameters, query.limits));
  nlohmann::json columns = nlohmann::json::array();
  for (const schema::Column& column : rows->columns()) {
    columns.push_back({{"name", column.name}, {"type", column.type.ToString()}});
  }
  std::string answer = absl::StrCat("{\"columns\":", columns.dump(), ",\"rows\":[");
  const warehouse::RowJsonWriter writer(rows->columns());
  bool first = true;
  while (true) {
    AFLUENTE_ASSIGN_OR_RETURN(const auto batch, rows->Next());
    if (batch.rows == 0) break;
    for (size_t i = 0; i < batch.rows; ++i) {
      if (!std::exchange(first, false)) answer += ',';
      writer.AppendRow(batch, i, answer);
    }
  }
  answer += "]";
  if (const auto affected = rows->affected_rows()) {
    absl::StrAppend(&answer, ",\"affected_rows\":", *affected);
  }
  return answer + "}";
}

// Runs blocking work off the I/O threads and answers with its JSON or problem.
template <typename Work>
void Answer(host::WorkerPool& workers, http::Responder responder, Work work) {
  auto shared = std::make_shared<http::Responder>(std::move(responder));
  const bool taken = workers.Submit([shared, work = std::move(work)]() mutable {
    absl::StatusOr<std::string> body = work();
    (*shared)(body.ok() ? http::Response::Json(200, *std::move(body))
                        : http::Problem(body.status()));
  });
  if (!taken) {
    (*shared)(http::Problem(absl::ResourceExhaustedError("too many commands wait")));
  }
}

void AddHealth(http::Router& router, const AdminPorts& ports) {
  const auto add = [&router](const char* path, http::RouteHandler handler) {
    AFLUENTE_CHECK(router.Add("GET", path, std::move(handler)).ok());
  };
  // Ready and healthy are the same here: the door opens last and a process that cannot go on ends.
  for (const char* path : {"/healthz", "/readyz"}) {
    add(path, [](http::Request, http::PathParameters, http::Responder responder) {
      responder(http::Response::Json(200, R"({"status":"ok"})"));
    });
  }
  add("/metrics",
      [&metrics = ports.metrics](http::Request, http::PathParameters, http::Responder responder) {
        responder(http::Response::Text(200, "text/plain; version=0.0.4; charset=utf-8",
                                       metrics.Expose()));
      });
}

}  // namespace

std::string BalancesToJson(const std::vector<function::Balance>& balances) {
  nlohmann::json functions = nlohmann::json::array();
  bool balanced = true;
  for (const function::Balance& balance : balances) {
    balanced = balanced && balance.balanced();
    functions.push_back({{"name", balance.function},
                         {"published", balance.published},
                         {"stored", balance.stored},
                         {"dropped", balance.dropped},
                         {"dead_lettered", balance.dead_lettered},
                         {"pending", balance.pending},
                         {"rows", balance.rows},
                         {"balanced", balance.balanced()}});
  }
  return nlohmann::json{{"balanced", balanced}, {"functions", functions}}.dump();
}

http::Handler AdminDoor(AdminPorts ports) {
  auto shared = std::make_shared<const AdminPorts>(std::move(ports));
  http::Router router;
  AddHealth(router, *shared);
  AFLUENTE_CHECK(router
                     .Add("GET", "/v1/backlog",
                          [shared](http::Request, http::PathParameters, http::Responder respond) {
                            respond(http::Response::Json(
                                200, absl::StrCat("{\"messages\":", shared->backlog(), "}")));
                          })
                     .ok());
  AFLUENTE_CHECK(router
                     .Add("GET", "/v1/check",
                          [shared](http::Request, http::PathParameters, http::Responder respond) {
                            Answer(shared->workers, std::move(respond),
                                   [shared]() -> absl::StatusOr<std::string> {
                                     AFLUENTE_ASSIGN_OR_RETURN(auto balances, shared->check());
                                     return BalancesToJson(balances);
                                   });
                          })
                     .ok());
  AFLUENTE_CHECK(
      router
          .Add("POST", "/v1/query",
               [shared](http::Request request, http::PathParameters, http::Responder respond) {
                 Answer(
                     shared->workers, std::move(respond),
                     [shared, body = std::move(request.body)] { return RunQuery(body, *shared); });
               })
          .ok());
  return http::GuardLoopback(
      [router = std::move(router)](http::Request request, http::Responder responder) {
        router.Handle(std::move(request), std::move(responder));
      });
}

}  // namespace afluente::console
