#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "host/clock.h"
#include "warehouse/parquet.h"

namespace afluente::api {
class Api;
}
namespace afluente::host {
class WorkerPool;
}
namespace afluente::http {
class IoThreads;
class Server;
class TlsIdentity;
}  // namespace afluente::http
namespace afluente::spec {
struct Spec;
}
namespace afluente::telemetry {
class Metrics;
class Tracer;
}  // namespace afluente::telemetry
namespace afluente::warehouse {
class Warehouse;
struct TableName;
}  // namespace afluente::warehouse

namespace afluente::roles {

class Doorkeeper;

// The API and the server in front of it. Stopped in this order: tails, server.
struct ApiDoor {
  std::unique_ptr<warehouse::ParquetFormat> parquet;
  std::unique_ptr<api::Api> api;
  std::unique_ptr<http::Server> server;
  uint16_t port = 0;
};

// What the API runs on; all outlive it.
struct ApiDoorParts {
  warehouse::Warehouse& warehouse;
  host::WorkerPool& workers;
  telemetry::Metrics& metrics;
  http::IoThreads& io_threads;
  Doorkeeper* doorkeeper = nullptr;        // nullptr: identity is off
  std::shared_ptr<http::TlsIdentity> tls;  // shared by all doors; nullptr: plain
  // As EndpointOptions'.
  std::function<std::optional<host::WallTime>(const warehouse::TableName&)> freshness = nullptr;
  telemetry::Tracer* tracer = nullptr;  // nullptr: no traces
};

// Listens on `address`. `secret_file` signs cursors and tags; made where it is missing.
absl::StatusOr<ApiDoor> OpenApiDoor(const spec::Spec& spec, const ApiDoorParts& parts,
                                    const std::string& secret_file, const std::string& address);

}  // namespace afluente::roles
