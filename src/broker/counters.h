#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <vector>

#include "telemetry/metrics.h"

namespace afluente::broker {

struct Batch;

// Sizes of messages, in powers of four.
class SizeCounts {
 public:
  static const std::vector<double>& Bounds();  // bytes
  void Add(uint64_t bytes);
  std::vector<uint64_t> Counts() const;  // one a bound and one above, not cumulative

 private:
  std::array<std::atomic<uint64_t>, 9> counts_{};
};

// What happened at a topic since the process started. Thread-safe.
struct TopicCounters {
  telemetry::Counter messages;
  telemetry::Counter bytes;
  SizeCounts sizes;

  void Published(const Batch& batch);
};

// What happened at a subscription since the process started. Thread-safe.
struct SubscriptionCounters {
  telemetry::Counter sent;  // deliveries, repeated ones included
  telemetry::Counter sent_bytes;
  telemetry::Counter acked;
  telemetry::Counter dead_lettered;
  telemetry::Histogram ack_latencies;  // from a delivery to its ack, while its lease ran
};

}  // namespace afluente::broker
