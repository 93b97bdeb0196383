#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "http/server.h"

namespace afluente::host {
class Clock;
class FileSystem;
class WorkerPool;
}  // namespace afluente::host

namespace afluente::warehouse {
class Catalog;
class RoutineCatalog;
class TableWriter;
class Warehouse;
}  // namespace afluente::warehouse

namespace afluente::warehouse::wire {

enum class Access { kRead, kWrite, kRunJobs, kAdminister };

// Who a request's bearer token is of, and what they may do. Absent where identity is off, which is
// on loopback alone.
struct Gatekeeper {
  // The caller's email. UNAUTHENTICATED, or UNAVAILABLE while keys cannot be had. Blocks.
  std::function<absl::StatusOr<std::string>(const http::Request& request)> identify;
  // PERMISSION_DENIED with words for the caller. `dataset` is empty for jobs.
  std::function<absl::Status(const std::string& email, Access access, const std::string& dataset)>
      check;
};

struct DoorPorts {
  Warehouse& warehouse;
  TableWriter& writer;
  Catalog& catalog;
  http::IoThreads& io_threads;
  const host::Clock& clock;
  host::FileSystem& files;
  const RoutineCatalog* routines = nullptr;  // of an engine that keeps routines
};

struct DoorOptions {
  std::string project;
  Gatekeeper gatekeeper;
  std::shared_ptr<http::TlsIdentity> tls = nullptr;  // shared by all doors; null: plain
  std::vector<std::string> hosts;  // names besides loopback's that requests may use
};

// BigQuery's REST API, version 2. Owned by a role; thread-safe. Its calls run on threads of its
// own.
class BigqueryDoor {
 public:
  // Reads the jobs of earlier runs. Blocks.
  static absl::StatusOr<std::unique_ptr<BigqueryDoor>> Open(const DoorPorts& ports,
                                                            DoorOptions options);
  ~BigqueryDoor();

  absl::StatusOr<uint16_t> Listen(const std::string& address);
  void Stop(std::chrono::milliseconds grace);
  // The clock was set forward: what has expired goes before it returns. Blocks.
  void ClockStepped();

 private:
  struct State;
  explicit BigqueryDoor(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace afluente::warehouse::wire
