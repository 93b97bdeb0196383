#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace afluente::source::mqtt {

// Publishes over MQTT 5 at QoS 1, for commands. Blocks; one thread.
class PublishClient {
 public:
  // `address` is HOST:PORT of this machine. UNAVAILABLE when it cannot be reached,
  // PERMISSION_DENIED when it refuses.
  static absl::StatusOr<std::unique_ptr<PublishClient>> Connect(const std::string& address,
                                                                const std::string& client_id);
  virtual ~PublishClient() = default;
  // Sends, and waits while as many messages as the server takes are not acknowledged. The error of
  // the first message that was refused, or of the connection.
  virtual absl::Status Publish(const std::string& topic, const std::string& payload) = 0;
  // Waits for every acknowledgement, and says goodbye.
  virtual absl::Status Finish() = 0;
  virtual uint64_t acknowledged() const = 0;
};

}  // namespace afluente::source::mqtt
