#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "broker/wire/ports.h"
#include "host/clock.h"
#include "host/worker_pool.h"
#include "http/server.h"
#include "telemetry/metrics.h"

namespace afluente::http {
class Gate;
}

namespace afluente::broker::wire {

struct DoorOptions {
  // Above Pub/Sub's 10 MB for a publish, so that the broker's limits answer with their names;
  // JSON's base64 takes a third more.
  int message_bytes_max = 20 << 20;
  int connection_streams_max = 1000;  // concurrent gRPC calls of one connection
  size_t open_pulls_max = 10'000;     // StreamingPull and waiting Pull
  size_t grpc_connections_max = 10'000;
  std::shared_ptr<http::TlsIdentity> tls = nullptr;  // shared by all doors; null: plain
  http::Gate* gate = nullptr;  // outlives the door; null: everybody on this machine
};

// What the door serves and runs on; all outlive it.
struct DoorParts {
  Ports ports;
  http::IoThreads& io_threads;
  host::WorkerPool& workers;  // for changes of resources, which block
  telemetry::Metrics& metrics;
  const host::Clock& clock;
};

// google.pubsub.v1 and google.iam.v1 over gRPC and REST on one port: a connection that begins with
// HTTP/2's preface is gRPC's, any other HTTP/1.1's. Owned by roles/. Thread-safe. Keeps no state
// that a crash could lose.
class PubsubDoor {
 public:
  static absl::StatusOr<std::unique_ptr<PubsubDoor>> Create(const DoorParts& parts,
                                                            const DoorOptions& options);
  virtual ~PubsubDoor() = default;

  // Listens on HOST:PORT (port 0: the kernel chooses) and returns the port. Once.
  virtual absl::StatusOr<uint16_t> Listen(const std::string& address) = 0;

  // Stops accepting, ends open pulls with UNAVAILABLE, lets other calls finish for at most
  // `grace`. Blocks until no call is left. Also done by the destructor, without grace.
  virtual void Stop(std::chrono::milliseconds grace) = 0;
};

}  // namespace afluente::broker::wire
