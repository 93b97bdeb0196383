#include "roles/bigquery_door.h"

#include <utility>

#include "host/check.h"
#include "http/gate.h"
#include "identity/any_verifier.h"
#include "identity/openid_provider.h"
#include "identity/policy.h"
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

absl::StatusOr<std::string> Identify(identity::Verifier& verifier, const http::Request& request) {
  const std::string given = http::OnlyField(request.headers, "Authorization");
  const std::string_view token = identity::BearerToken(given);
  if (token.empty()) return absl::UnauthenticatedError(kNotIdentified);
  const auto verified = verifier.Verify(token);
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
    std::vector<identity::Verifier*> verifiers = {&doorkeeper->verifier()};
    if (proxy != nullptr) {
      verifiers.push_back(&proxy->id_token_verifier());
    } else if (doorkeeper->login() != nullptr) {
      verifiers.push_back(&doorkeeper->login()->verifier());
    }
    // Shared with the copies of the gatekeeper.
    auto verifier = std::make_shared<identity::AnyVerifier>(std::move(verifiers));
    options.gatekeeper.identify = [verifier](const http::Request& request) {
      return Identify(*verifier, request);
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
