#include "broker/counters.h"

#include <algorithm>

#include "broker/batch.h"

namespace afluente::broker {

const std::vector<double>& SizeCounts::Bounds() {
  static const auto* const bounds =
      new std::vector<double>{256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304};
  return *bounds;
}

void SizeCounts::Add(uint64_t bytes) {
  const std::vector<double>& bounds = Bounds();
  const auto place =
      std::lower_bound(bounds.begin(), bounds.end(), static_cast<double>(bytes)) - bounds.begin();
  counts_[place].fetch_add(1, std::memory_order_relaxed);
}

std::vector<uint64_t> SizeCounts::Counts() const { return {counts_.begin(), counts_.end()}; }

void TopicCounters::Published(const Batch& batch) {
  messages.Add(batch.messages.size());
  for (const event::Message& message : batch.messages) {
    const uint64_t size = SizeOf(message);
    bytes.Add(size);
    sizes.Add(size);
  }
}

}  // namespace afluente::broker
