#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "function/balance.h"
#include "host/worker_pool.h"
#include "http/gate.h"
#include "http/server.h"
#include "telemetry/metrics.h"
#include "warehouse/warehouse.h"

namespace afluente::broker {
class Topics;
}

namespace afluente::function {
struct Operations;
}

namespace afluente::host {
class Cancellation;
}

namespace afluente::console {

class Console;
struct TestingPorts;

// What the admin door shows and does; given by roles/.
struct AdminPorts {
  warehouse::Warehouse& warehouse;
  telemetry::Metrics& metrics;
  host::WorkerPool& workers;
  std::string project;  // completes `dataset.table` in queries
  std::function<absl::StatusOr<std::vector<function::Balance>>()> check;
  // A backup into that directory of this machine, as JSON; `cancellation` may be nullptr.
  std::function<absl::StatusOr<std::string>(const std::string& directory,
                                            const host::Cancellation* cancellation)>
      backup;
  std::function<uint64_t()> backlog;  // messages that functions have not decided yet
  broker::Topics& topics;
  // One a function; outlive the door.
  const std::vector<function::Operations>& functions;
  std::function<absl::StatusOr<std::string>()> push_keys;  // the JWK set of pushes' tokens
  // Of an instance that tests run against, else null. Shared with the copies of these ports.
  std::shared_ptr<const TestingPorts> testing = nullptr;
  Console* console = nullptr;  // the browser's side; nullptr: none
  http::Gate* gate = nullptr;  // outlives the door; null: everybody on this machine
  // Beside everybody on this machine those whom the built-in proxy sends, who carry its assertion;
  // null: there is none. Outlives the door.
  http::Gate* proxied_gate = nullptr;
};

// The admin door: /metrics, /healthz, /readyz, and what client commands ask of a running instance:
// GET /v1/check, GET /v1/backlog, POST /v1/query {"sql", "parameters": [{"name", "type", "value"}],
// "limit"}, POST /v1/backup {"directory"}, GET /v1/peek, /v1/functions (see function_routes.h); the
// documents that verify the tokens of pushes (/.well-known/openid-configuration, /oauth2/v3/certs);
// with testing ports /v1/testing/ too, with a console its pages and routes. What changes something
// comes from its own pages or from no page at all. Without a gate it answers to loopback names
// only; with one, RoleOfRequest says which role a request needs. GET /v1/me: what its caller may
// do.
http::Handler AdminDoor(AdminPorts ports);

// Reading needs the role viewer, publishing publisher, a backup and faults of tests admin, and
// everything else operator; nullopt: probes and the pushes' keys.
std::optional<http::Role> RoleOfRequest(const http::Request& request);

// The balances as `afluente check --json` prints them.
std::string BalancesToJson(const std::vector<function::Balance>& balances);

}  // namespace afluente::console
