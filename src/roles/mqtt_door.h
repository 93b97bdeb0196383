#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "source/delivery_log.h"

namespace afluente::broker {
class Publisher;
}
namespace afluente::http {
class IoThreads;
}
namespace afluente::spec {
struct Spec;
}
namespace afluente::telemetry {
class Metrics;
}

namespace afluente::roles {

// The MQTT door, plain and over TLS, with its devices and sessions, wired together. Owned by a
// role.
class MqttDoor {
 public:
  MqttDoor();
  ~MqttDoor();

  // Before the journal may clean; nothing without `sources.mqtt:`. Blocks.
  absl::Status Recover(const spec::Spec& spec, const source::DeliveryLog::Parts& parts,
                       const std::string& data_dir);

  struct Parts {
    http::IoThreads& io_threads;
    broker::Publisher& publisher;
    const host::Clock& clock;
    telemetry::Metrics& metrics;
  };
  // In and out: where to listen; the bound HOST:PORT, or empty for what stays shut.
  struct Addresses {
    std::string plain;
    std::string tls;
  };
  absl::Status Open(const spec::Spec& spec, Addresses& addresses, const Parts& parts);
  // Ends what is under way; before the broker goes.
  void Stop(std::chrono::milliseconds grace);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace afluente::roles
