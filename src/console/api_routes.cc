#include <chrono>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "console/part_routes.h"
#include "host/check.h"
#include "http/client.h"
#include "http/gate.h"
#include "schema/format_value.h"
#include "spec/spec.h"
#include "telemetry/metric_names.h"
#include "telemetry/metrics.h"
#include "telemetry/recent_logs.h"

namespace afluente::console {
namespace {

using nlohmann::json;

constexpr size_t kAnswerBytesShown = 256 << 10;
constexpr std::chrono::seconds kTryTimeout{30};
constexpr size_t kSlowShown = 50;
constexpr size_t kDecisionsShown = 200;

json ParametersOf(const spec::Endpoint& endpoint) {
  json parameters = json::array();
  for (const spec::EndpointParameter& each : endpoint.parameters) {
    const bool in_path = endpoint.path.find("{" + each.name + "}") != std::string::npos;
    parameters.push_back({{"name", each.name},
                          {"type", each.type.ToString()},
                          {"in_path", in_path},
                          {"optional", each.optional || each.default_value.has_value()},
                          {"description", each.description}});
  }
  return parameters;
}

json LinesOf(std::string_view text, size_t max) {
  json lines = json::array();
  for (const std::string& line : telemetry::ProcessLogs().Find(text, max))
    lines.push_back(json::parse(line, nullptr, false));
  return lines;
}

absl::StatusOr<std::string> Endpoints(const ConsolePorts& ports) {
  std::map<std::string, json> statuses;
  for (const auto& [labels, count] : ports.metrics.Counters(telemetry::kApiRequests)) {
    std::string endpoint;
    std::string status;
    for (const auto& [key, value] : labels) (key == "endpoint" ? endpoint : status) = value;
    statuses[endpoint][status] = count;
  }
  json endpoints = json::array();
  for (const spec::Endpoint& endpoint : ports.spec.endpoints) {
    const auto found = statuses.find(endpoint.path);
    endpoints.push_back({{"path", endpoint.path},
                         {"summary", endpoint.summary},
                         {"description", endpoint.description},
                         {"sql", endpoint.sql},
                         {"sql_file", endpoint.sql_file},
                         {"parameters", ParametersOf(endpoint)},
                         {"statuses", found == statuses.end() ? json::object() : found->second}});
  }
  return Dump({{"address", ports.api},
               {"endpoints", std::move(endpoints)},
               {"slow", LinesOf("\"message\":\"slow request\"", kSlowShown)}});
}

// Asks the own API's door and nobody else, as the caller: who gives the path alone.
absl::StatusOr<std::string> Try(const http::Request& request, const json& body,
                                const ConsolePorts& ports) {
  AFLUENTE_ASSIGN_OR_RETURN(const std::string path, StringField(body, "path"));
  const bool plain = path.starts_with('/') && !path.starts_with("//") &&
                     path.find_first_of(" \t\r\n") == std::string::npos;
  if (!plain) return absl::InvalidArgumentError("$.path: expected a path that begins with /");
  http::Headers caller;
  if (const std::string assertion = http::OnlyField(request.headers, http::kAssertionHeader);
      !assertion.empty()) {
    caller.Add(http::kAssertionHeader, assertion);
  }
  const auto begin = std::chrono::steady_clock::now();
  AFLUENTE_ASSIGN_OR_RETURN(const http::Response answer,
                            http::Fetch("GET", ports.api + path, "", caller, kTryTimeout));
  const auto took = std::chrono::steady_clock::now() - begin;
  json headers = json::object();
  for (const auto& [name, value] : answer.headers.entries()) headers[name] = value;
  const bool whole = answer.body.size() <= kAnswerBytesShown;
  return Dump({{"status", answer.status},
               {"headers", std::move(headers)},
               {"body", answer.body.substr(0, kAnswerBytesShown)},
               {"truncated", !whole},
               {"milliseconds", std::chrono::duration<double, std::milli>(took).count()}});
}

std::string NameOf(const spec::Member& member) {
  switch (member.kind) {
    case spec::MemberKind::kUser:
      return "user:" + member.value;
    case spec::MemberKind::kServiceAccount:
      return "serviceAccount:" + member.value;
    case spec::MemberKind::kGroup:
      return "group:" + member.value;
    case spec::MemberKind::kDomain:
      return "domain:" + member.value;
    case spec::MemberKind::kAllAuthenticatedUsers:
      break;
  }
  return "allAuthenticatedUsers";
}

json Names(const spec::Members& members) {
  json names = json::array();
  for (const spec::Member& member : members) names.push_back(NameOf(member));
  return names;
}

absl::StatusOr<std::string> Identity(const ConsolePorts& ports) {
  const auto& access = ports.spec.access;
  json answer = {{"on", access.has_value()},
                 {"decisions", LinesOf("\"log\":\"audit\"", kDecisionsShown)}};
  if (!access) return Dump(answer);
  answer["members"] = Names(access->members);
  answer["roles"] = {{"viewer", Names(access->roles.viewer)},
                     {"operator", Names(access->roles.operators)},
                     {"publisher", Names(access->roles.publisher)},
                     {"admin", Names(access->roles.admin)}};
  answer["groups"] = access->groups;
  answer["endpoints"] = json::array();
  for (const spec::EndpointAccess& each : access->endpoints)
    answer["endpoints"].push_back({{"pattern", each.pattern}, {"members", Names(each.members)}});
  answer["datasets"] = json::object();
  for (const auto& [dataset, members] : access->datasets)
    answer["datasets"][dataset] = Names(members);
  answer["issuer"] = access->assertion ? access->assertion->issuer : "built in";
  answer["login"] = access->login ? access->login->issuer : "developer issuer";
  return Dump(answer);
}

}  // namespace

void AddApiRoutes(Routes& routes) {
  const ConsolePorts& ports = routes.ports();
  routes.Get("/v1/api", [&ports](const http::Request&) { return Endpoints(ports); });
  routes.Post("/v1/api/try", [&ports](const http::Request& request, const json& body) {
    return Try(request, body, ports);
  });
  routes.Get("/v1/identity", [&ports](const http::Request&) { return Identity(ports); });
}

}  // namespace afluente::console
