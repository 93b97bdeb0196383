#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "source/delivery_log.h"

namespace afluente::broker {
class Publisher;
}
namespace afluente::http {
class IoThreads;
class TlsIdentity;
}  // namespace afluente::http
namespace afluente::spec {
struct Spec;
}
namespace afluente::telemetry {
class Metrics;
}

namespace afluente::roles {

// The door of HTTP ingest and what it remembers of its requests, wired together. Owned by a role.
class IngestDoor {
 public:
  IngestDoor();
  ~IngestDoor();

  // Before the journal may clean. Blocks. Without it a request with an Idempotency-Key is refused:
  // nothing would remember it.
  absl::Status Recover(const source::DeliveryLog::Parts& parts, const std::string& data_dir);

  struct Parts {
    http::IoThreads& io_threads;
    broker::Publisher& publisher;
    telemetry::Metrics& metrics;
    std::shared_ptr<http::TlsIdentity> tls = nullptr;  // shared by all doors; null: plain
    bool callers_are_known = false;  // whoever reaches the door may publish, wherever from
  };
  // HOST:PORT with the bound port; empty when `address` is.
  absl::StatusOr<std::string> Open(const spec::Spec& spec, const std::string& address,
                                   const Parts& parts);
  // Ends what is under way; before the broker goes.
  void Stop(std::chrono::milliseconds grace);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace afluente::roles
