#include "console/admin_door.h"

#include <iterator>
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

absl::StatusOr<std::string> TakeBackup(const AdminPorts& ports, const http::Request& request) {
  const auto body = nlohmann::json::parse(request.body, nullptr, /*allow_exceptions=*/false);
  if (!body.is_object()) return absl::InvalidArgumentError("$: expected a JSON object");
  AFLUENTE_ASSIGN_OR_RETURN(const std::string directory, StringField(body, "directory"));
  if (directory.empty() || directory[0] != '/')
    return absl::InvalidArgumentError("$.directory: expected an absolute path");
  return ports.backup(directory, request.cancellation.get());
}

void AddBackup(http::Router& router, const std::shared_ptr<const AdminPorts>& ports) {
  const auto backup = [ports](http::Request request, http::PathParameters,
                              http::Responder respond) {
    AnswerFromWorker(ports->workers, std::move(respond),
                     [ports, request = std::move(request)] { return TakeBackup(*ports, request); });
  };
  AFLUENTE_CHECK(router.Add("POST", "/v1/backup", backup).ok());
}

// Who judges what a request may do: nobody when it comes from this machine. See AdminPorts.
http::Gate* JudgeOf(const AdminPorts& ports, const http::Request& request) {
  if (ports.gate != nullptr) return ports.gate;
  return http::HasAssertion(request.headers) ? ports.proxied_gate : nullptr;
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
    auto admit = AdmitBy(JudgeOf(*ports, request), http::AuthorizationOf(request.headers));
    AnswerFromWorker(ports->workers, std::move(respond),
                     [ports, body = std::move(request.body), admit = std::move(admit),
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

constexpr http::Role kAsked[] = {http::Role::kViewer, http::Role::kPublisher, http::Role::kOperator,
                                 http::Role::kAdmin};

// Asks the gate for one role after the other.
void AskNext(http::Gate& gate, std::shared_ptr<const std::string> authorization, std::string email,
             std::vector<bool> may, http::Responder respond) {
  if (may.size() == std::size(kAsked)) {
    return respond(http::Response::Json(200, Dump({{"identity", true},
                                                   {"email", email},
                                                   {"view", bool{may[0]}},
                                                   {"publish", bool{may[1]}},
                                                   {"operate", bool{may[2]}},
                                                   {"administer", bool{may[3]}}})));
  }
  http::Knock knock{*authorization, kAsked[may.size()]};
  gate.Ask(std::move(knock), [&gate, authorization, email = std::move(email), may = std::move(may),
                              respond = std::move(respond)](
                                 const absl::StatusOr<std::string>& caller) mutable {
    may.push_back(caller.ok());
    if (caller.ok()) email = *caller;
    AskNext(gate, std::move(authorization), std::move(email), std::move(may), std::move(respond));
  });
}

void AddMe(http::Router& router, const std::shared_ptr<const AdminPorts>& ports) {
  const auto me = [ports](http::Request request, http::PathParameters, http::Responder respond) {
    http::Gate* const judge = JudgeOf(*ports, request);
    if (judge == nullptr) {
      return respond(http::Response::Json(200, Dump({{"identity", false},
                                                     {"view", true},
                                                     {"publish", true},
                                                     {"operate", true},
                                                     {"administer", true}})));
    }
    AskNext(*judge, std::make_shared<const std::string>(http::AuthorizationOf(request.headers)), "",
            {}, std::move(respond));
  };
  AFLUENTE_CHECK(router.Add("GET", "/v1/me", me).ok());
}

// Who is let in to `open`: see AdminPorts.
http::Handler Guarded(const AdminPorts& ports, const http::Handler& open) {
  if (ports.gate != nullptr) return http::GuardByGate(*ports.gate, open, RoleOfRequest);
  http::Handler here = http::GuardLoopback(open);
  if (ports.proxied_gate == nullptr) return here;
  http::Handler proxied = http::GuardByGate(*ports.proxied_gate, open, RoleOfRequest);
  return [here = std::move(here), proxied = std::move(proxied)](http::Request request,
                                                                http::Responder respond) {
    const http::Handler& next = http::HasAssertion(request.headers) ? proxied : here;
    next(std::move(request), std::move(respond));
  };
}

}  // namespace

std::optional<http::Role> RoleOfRequest(const http::Request& request) {
  static constexpr std::string_view kOpen[] = {"/healthz", "/readyz", kPushKeysPath,
                                               "/.well-known/openid-configuration"};
  for (const std::string_view path : kOpen) {
    if (request.path == path) return std::nullopt;
  }
  const std::string& path = request.path;
  if (path == "/v1/backup") return http::Role::kAdmin;
  // The API itself asks who tries it.
  const bool reads = request.method == "GET" || request.method == "HEAD" || path == "/v1/api/try";
  if (reads) return http::Role::kViewer;
  if (path == "/v1/topic/publish") return http::Role::kPublisher;
  return path.starts_with("/v1/testing/") ? http::Role::kAdmin : http::Role::kOperator;
}

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
    if (balance.standing != function::Balance::Standing::kRunning) {
      const bool parked = balance.standing == function::Balance::Standing::kParked;
      functions.back()["standing"] = parked ? "parked" : "removed";
    }
    if (balance.dropped_by_operator > 0) {
      functions.back()["dropped_by_operator"] = balance.dropped_by_operator;
    }
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
  AddMe(router, shared);
  AddQuery(router, shared);
  AddPeek(router, shared);
  AddBackup(router, shared);
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
  return Guarded(*shared, handler);
}

}  // namespace afluente::console
