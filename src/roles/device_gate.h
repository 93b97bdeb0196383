#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "source/mqtt/admission.h"

namespace afluente::host {
class Clock;
}
namespace afluente::spec {
struct MqttSource;
}

namespace afluente::roles {

// Which devices may connect to the MQTT door: by password, by a JWT that their key signed (as Cloud
// IoT Core had it: audience = the project), or by a client certificate of their name. Slow checks
// run on threads of its own. Thread-safe.
class DeviceGate {
 public:
  // INVALID_ARGUMENT for a key or hash that is none.
  static absl::StatusOr<std::unique_ptr<DeviceGate>> Create(const spec::MqttSource& source,
                                                            const std::string& project,
                                                            const host::Clock& clock);
  ~DeviceGate();
  // The gate outlives it.
  source::mqtt::Admit admit();

 private:
  struct State;
  explicit DeviceGate(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace afluente::roles
