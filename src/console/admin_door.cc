#include "console/admin_door.h"

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "console/admin_query.h"
#include "console/console.h"
#include "console/function_routes.h"
#include "console/peek.h"
#include "console/routes.h"
#include "console/testing_routes.h"
#include "console/worker_answer.h"
#include "host/check.h"
#include "http/gate.h"
#include "http/loopback_guard.h"
#include "http/router.h"

namespace afluente::console {
namespace {

constexpr char kPushKeysPath[] = "/oauth2/v3/certs";

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

void AddPeek(http::Router& router, const std::shared_ptr<const AdminPorts>& ports) {
  const auto peek = [ports](http::Request request, http::PathParameters, http::Responder respond) {
    AnswerFromWorker(ports->workers, std::move(respond),
                     [ports, query = std::move(request.query)]() -> absl::StatusOr<http::Response> {
                       AFLUENTE_ASSIGN_OR_RETURN(const auto options,
                                                 ReadPeekOptions(query, ports->project));
                       return Peek(ports->topics, options);
                     });
  };
  AFLUENTE_CHECK(router.Add("GET", "/v1/peek", peek).ok());
}

// The policy of datasets, for who has passed the gate. A script is an administrator's.
AdmitStatement AdmitBy(http::Gate* gate, std::string authorization) {
  if (gate == nullptr) return nullptr;
  return [gate, authorization = std::move(authorization)](const std::vector<std::string>& datasets,
                                                          bool script) {
    const http::Role role = script ? http::Role::kAdmin : http::Role::kOperator;
    return http::CheckAndWait(*gate, {authorization, role, datasets});
  };
}

void AddQuery(http::Router& router, const std::shared_ptr<const AdminPorts>& ports) {
  const auto query = [ports](http::Request request, http::PathParameters, http::Responder respond) {
    AnswerFromWorker(ports->workers, std::move(respond),
                     [ports, body = std::move(request.body),
                      admit = AdmitBy(ports->gate, http::AuthorizationOf(request.headers)),
                      cancellation = std::move(request.cancellation)] {
                       return RunAdminQuery(body, ports->project, ports->warehouse, cancellation,
                                            admit);
                     });
  };
  AFLUENTE_CHECK(router.Add("POST", "/v1/query", query).ok());
}

// OpenID Connect Discovery 1.0 and the keys, which are at the path that Google's are at. The issuer
// is Google's own, as in the tokens.
void AddPushIssuer(http::Router& router, const std::shared_ptr<const AdminPorts>& ports) {
  const auto keys = [ports](http::Request, http::PathParameters, http::Responder respond) {
    AnswerFromWorker(ports->workers, std::move(respond), [ports] { return ports->push_keys(); });
  };
  const auto discovery = [](http::Request request, http::PathParameters, http::Responder respond) {
    const std::string* host = request.headers.Find("host");
    const nlohmann::json document = {
        {"issuer", "https://accounts.google.com"},
        {"jwks_uri", (request.tls ? "https://" : "http://") +
                         (host == nullptr ? "localhost" : *host) + kPushKeysPath},
        {"response_types_supported", {"id_token"}},
        {"subject_types_supported", {"public"}},
        {"id_token_signing_alg_values_supported", {"RS256"}}};
    respond(http::Response::Json(200, document.dump()));
  };
  AFLUENTE_CHECK(router.Add("GET", kPushKeysPath, keys).ok());
  AFLUENTE_CHECK(router.Add("GET", "/.well-known/openid-configuration", discovery).ok());
}

// nullopt: what probes and those who verify pushes ask for.
std::optional<http::Role> RoleOfRequest(const http::Request& request) {
  static constexpr std::string_view kOpen[] = {"/healthz", "/readyz", kPushKeysPath,
                                               "/.well-known/openid-configuration"};
  for (const std::string_view path : kOpen) {
    if (request.path == path) return std::nullopt;
  }
  const bool reads = request.method == "GET" || request.method == "HEAD";
  return reads ? http::Role::kViewer : http::Role::kOperator;
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
    if (balance.balanced()) continue;
    functions.back()["missing"] = balance.missing;
    functions.back()["doubled"] = balance.doubled;
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
                            AnswerFromWorker(shared->workers, std::move(respond),
                                             [shared]() -> absl::StatusOr<std::string> {
                                               AFLUENTE_ASSIGN_OR_RETURN(auto balances,
                                                                         shared->check());
                                               return BalancesToJson(balances);
                                             });
                          })
                     .ok());
  AddQuery(router, shared);
  AddPeek(router, shared);
  AddFunctionRoutes(router, shared->functions, shared->workers, shared->project);
  AddPushIssuer(router, shared);
  if (shared->testing) AddTestingRoutes(router, *shared->testing, shared->workers, shared->project);
  if (shared->console != nullptr) shared->console->AddRoutes(router);
  http::Handler handler = [router = std::move(router)](http::Request request,
                                                       http::Responder responder) {
    const absl::Status taken = CheckChange(request);
    if (!taken.ok()) return responder(http::Problem(taken));
    router.Handle(std::move(request), std::move(responder));
  };
  if (shared->gate == nullptr) return http::GuardLoopback(std::move(handler));
  return http::GuardByGate(*shared->gate, std::move(handler), RoleOfRequest);
}

}  // namespace afluente::console
