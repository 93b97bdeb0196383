#pragma once

#include <atomic>
#include <cstdint>

#include "absl/synchronization/mutex.h"
#include "telemetry/metrics.h"

namespace afluente::source::mqtt {

// What all connections of a door share: counts for the operator, and what is under way.
// Thread-safe.
class Traffic {
 public:
  explicit Traffic(telemetry::Metrics& metrics);

  telemetry::Counter& accepted;  // stored
  telemetry::Counter& refused;   // answered with a reason, or the connection was ended
  telemetry::Counter& dropped;   // QoS 0, which has no answer
  telemetry::Counter& ignored;   // to a broker's own topics ($SYS)
  telemetry::Counter& rejected_connects;

  std::atomic<uint64_t> connections{0};
  std::atomic<uint64_t> bytes_in_flight{0};
  std::atomic<uint64_t> large_packet_bytes{0};
  std::atomic<uint64_t> delayed_wills{0};

  // Publishes whose outcome is open; the door waits for them before the broker goes.
  void Begin();
  void End();
  void WaitForNone();

 private:
  absl::Mutex mutex_;
  uint64_t open_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace afluente::source::mqtt
