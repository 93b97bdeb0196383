#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "api/caller.h"
#include "api/endpoint_options.h"
#include "http/server.h"

namespace afluente::host {
class Clock;
class WorkerPool;
}  // namespace afluente::host
namespace afluente::spec {
struct Endpoint;
}
namespace afluente::telemetry {
class Metrics;
class Tracer;
}  // namespace afluente::telemetry
namespace afluente::warehouse {
class Warehouse;
}

namespace afluente::api {

// Stands before every path but /health; what it lets through is proven.
using Guard = std::function<http::Handler(http::Handler)>;

struct ApiOptions {
  EndpointOptions endpoints;
  std::string title = "Afluente";
  std::string version = "0.1.0";
  std::vector<std::string> hosts;  // names it answers to besides loopback
  // With identity on, all three; the guard takes the place of the check of Host and Origin. Without
  // them, callers are known by their address alone.
  Guard guard;
  Identify identify;
  MayUse may_use;
  size_t cache_bytes_max = 64 << 20;
  const host::Clock* clock = nullptr;   // the system's when nullptr; outlives the Api
  telemetry::Tracer* tracer = nullptr;  // outlives the Api; nullptr: no traces
};

// The HTTP API: the spec's endpoints, /health, /openapi.json and /docs. Made by roles/, which also
// owns what it is given; outlives the server that uses its handler and the pool's last task. Keeps
// nothing.
class Api {
 public:
  // INVALID_ARGUMENT with the file of an endpoint whose SQL, parameters or path are wrong.
  static absl::StatusOr<std::unique_ptr<Api>> Create(const std::vector<spec::Endpoint>& endpoints,
                                                     warehouse::Warehouse& warehouse,
                                                     host::WorkerPool& workers,
                                                     telemetry::Metrics& metrics,
                                                     ApiOptions options);
  virtual ~Api() = default;
  // Does not block. Valid as long as the Api.
  virtual http::Handler handler() = 0;
  // Ends the live tails. Before the warehouse and the workers go.
  virtual void StopTails() = 0;
};

}  // namespace afluente::api
