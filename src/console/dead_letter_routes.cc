#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "console/part_routes.h"
#include "console/rows.h"
#include "host/check.h"
#include "spec/spec.h"
#include "warehouse/catalog.h"

namespace afluente::console {
namespace {

using nlohmann::json;

constexpr uint64_t kReasonsMax = 100;
constexpr uint64_t kLettersMax = 200;
// A reason without the parts that differ from message to message.
constexpr char kReason[] = R"(REGEXP_REPLACE(error, r'\b[0-9]+\b|"[^"]*"', '…'))";

// The table of a function's dead letters, quoted; empty while there is none. NOT_FOUND for a
// function that there is not.
absl::StatusOr<std::string> TableOf(const std::string& function, const ConsolePorts& ports) {
  for (const spec::Function& each : ports.spec.functions) {
    if (each.name != function) continue;
    if (!ports.catalog.FindTable({ports.spec.project, each.dataset, "dead_letters"})) return "";
    return absl::StrCat("`", each.dataset, ".dead_letters`");
  }
  return absl::NotFoundError(absl::StrCat("function: there is none called ", function));
}

// How many of each function wait for somebody.
absl::StatusOr<std::string> Counts(const ConsolePorts& ports) {
  std::set<std::string> datasets;
  for (const spec::Function& each : ports.spec.functions) datasets.insert(each.dataset);
  json counts = json::object();
  for (const std::string& dataset : datasets) {
    if (!ports.catalog.FindTable({ports.spec.project, dataset, "dead_letters"})) continue;
    AFLUENTE_ASSIGN_OR_RETURN(
        const json rows,
        ReadRows(ports,
                 absl::StrCat("SELECT function, COUNT(*) AS n FROM `", dataset,
                              ".dead_letters` WHERE state = 'dead' GROUP BY function"),
                 {}, ports.spec.functions.size() + kReasonsMax));
    for (const json& row : rows) counts[row["function"].get<std::string>()] = row["n"];
  }
  return Dump(counts);
}

absl::StatusOr<std::string> Reasons(const http::Request& request, const ConsolePorts& ports) {
  const std::string function = QueryValue(request, "function").value_or("");
  AFLUENTE_ASSIGN_OR_RETURN(const std::string table, TableOf(function, ports));
  if (table.empty()) return Dump({{"rows", json::array()}});
  AFLUENTE_ASSIGN_OR_RETURN(
      json rows,
      ReadRows(ports,
               absl::StrCat("SELECT ", kReason,
                            " AS reason, COUNT(*) AS n, MIN(failed_at) AS first, "
                            "MAX(failed_at) AS last FROM ",
                            table,
                            " WHERE function = @name AND state = 'dead' GROUP BY reason ORDER BY n "
                            "DESC LIMIT ",
                            kReasonsMax),
               {TextParameter("name", function)}, kReasonsMax));
  return Dump({{"rows", std::move(rows)}});
}

absl::StatusOr<std::string> Letters(const http::Request& request, const ConsolePorts& ports) {
  const std::string function = QueryValue(request, "function").value_or("");
  AFLUENTE_ASSIGN_OR_RETURN(const std::string table, TableOf(function, ports));
  if (table.empty()) return Dump({{"rows", json::array()}});
  AFLUENTE_ASSIGN_OR_RETURN(
      json rows,
      ReadRows(ports,
               absl::StrCat("SELECT message_id, publish_time, failed_at, error, attempts, "
                            "TO_BASE64(data) AS data, TO_JSON_STRING(attributes) AS attributes, "
                            "ordering_key FROM ",
                            table, " WHERE function = @name AND state = 'dead' AND ", kReason,
                            " = @reason ORDER BY failed_at DESC LIMIT ", kLettersMax),
               {TextParameter("name", function),
                TextParameter("reason", QueryValue(request, "reason").value_or(""))},
               kLettersMax));
  return Dump({{"rows", std::move(rows)}});
}

}  // namespace

void AddDeadLetterRoutes(Routes& routes) {
  const ConsolePorts& ports = routes.ports();
  routes.Get("/v1/dead-letters/counts", [&ports](const http::Request&) { return Counts(ports); });
  routes.Get("/v1/dead-letters/reasons",
             [&ports](const http::Request& request) { return Reasons(request, ports); });
  routes.Get("/v1/dead-letters",
             [&ports](const http::Request& request) { return Letters(request, ports); });
}

}  // namespace afluente::console
