#include "roles/bigquery_door.h"

#include <utility>

#include "host/check.h"
#include "http/server.h"
#include "identity/policy.h"
#include "identity/verifier.h"
#include "roles/doorkeeper.h"
#include "roles/proxy_door.h"
#include "schema/text.h"
#include "spec/spec.h"
#include "telemetry/log.h"
#include "warehouse/duckdb/duckdb_database.h"
#include "warehouse/routine_catalog.h"
#include "warehouse/wire/bigquery_door.h"

namespace afluente::roles {
namespace {

using warehouse::wire::Access;

constexpr char kNotIdentified[] =
    "Request had invalid authentication credentials: it carries no valid bearer token of who "
    "sends it.";

absl::StatusOr<identity::VerifiedTokenPtr> VerifyToken(Doorkeeper& doorkeeper, ProxyDoor* proxy,
                                                       std::string_view token) {
  auto verified = doorkeeper.verifier().Verify(token);
  if (verified.ok() || proxy == nullptr) return verified;
  auto id_token = proxy->VerifyIdToken(token);
  if (id_token.ok() || absl::IsUnavailable(verified.status())) return id_token;
  return absl::IsUnavailable(id_token.status()) ? id_token : verified;
}

absl::StatusOr<std::string> Identify(Doorkeeper& doorkeeper, ProxyDoor* proxy,
                                     const http::Request& request) {
  constexpr std::string_view kBearer = "Bearer ";
  const std::string* given = request.headers.Find("Authorization");
  const bool bearer =
      given != nullptr && request.headers.Count("Authorization") == 1 &&
      schema::EqualsIgnoreCase(std::string_view(*given).substr(0, kBearer.size()), kBearer);
  if (!bearer) return absl::UnauthenticatedError(kNotIdentified);
  auto verified = VerifyToken(doorkeeper, proxy, std::string_view(*given).substr(kBearer.size()));
  if (verified.ok()) return (*verified)->email;
  telemetry::Log(telemetry::Severity::kWarning, "request refused",
                 {{"log", "audit"},
                  {"door", "bigquery"},
                  {"decision", "deny"},
                  {"reason", std::string(verified.status().message())},
                  {"method", request.method},
                  {"path", request.path},
                  {"remote", request.remote_address}});
  if (absl::IsUnavailable(verified.status())) {
    return absl::UnavailableError("the keys that prove who sends a request cannot be had now");
  }
  return absl::UnauthenticatedError(kNotIdentified);
}

// Groups are those of the specification: a token's own are not kept between a request's checks.
absl::Status Check(const identity::Policy& policy, const std::string& email, Access access,
                   const std::string& dataset) {
  const identity::Caller caller = policy.ToCaller(email, {});
  absl::Status allowed;
  switch (access) {
    case Access::kRead:
      allowed = policy.CheckDataset(caller, dataset);
      break;
    case Access::kWrite:
      allowed = policy.CheckRole(caller, identity::Role::kOperator);
      if (allowed.ok()) allowed = policy.CheckDataset(caller, dataset);
      break;
    case Access::kRunJobs:
      allowed = policy.CheckRole(caller, identity::Role::kViewer);
      break;
    case Access::kAdminister:
      allowed = policy.CheckRole(caller, identity::Role::kAdmin);
      break;
  }
  if (allowed.ok()) return allowed;
  telemetry::Log(telemetry::Severity::kWarning, "request refused",
                 {{"log", "audit"},
                  {"door", "bigquery"},
                  {"decision", "deny"},
                  {"reason", std::string(allowed.message())},
                  {"email", email},
                  {"dataset", dataset}});
  return absl::PermissionDeniedError(
      dataset.empty() ? "Access Denied: the caller may not do this"
                      : schema::Concat("Access Denied: Dataset ", dataset,
                                       ": the caller may not use it so, or it does not exist"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<warehouse::wire::BigqueryDoor>> OpenBigqueryDoor(
    const spec::Spec& spec, const BigqueryMachine& machine, Doorkeeper* doorkeeper,
    ProxyDoor* proxy) {
  warehouse::wire::DoorOptions options;
  options.project = spec.project;
  options.tls = machine.tls;
  if (spec.access) options.hosts = spec.access->hosts;
  if (doorkeeper != nullptr) {
    options.gatekeeper.identify = [doorkeeper, proxy](const http::Request& request) {
      return Identify(*doorkeeper, proxy, request);
    };
    options.gatekeeper.check = [doorkeeper](const std::string& email, Access access,
                                            const std::string& dataset) {
      return Check(doorkeeper->policy(), email, access, dataset);
    };
  }
  warehouse::Catalog& catalog = machine.database.catalog();
  return warehouse::wire::BigqueryDoor::Open(
      {machine.database.warehouse(), machine.database.table_writer(), catalog, machine.io_threads,
       machine.clock, machine.files, dynamic_cast<const warehouse::RoutineCatalog*>(&catalog)},
      std::move(options));
}

}  // namespace afluente::roles
