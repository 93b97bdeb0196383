#include "broker/publish_time_search.h"

#include <algorithm>

#include "broker/topic.h"

namespace afluente::broker {

absl::StatusOr<uint64_t> FirstPublishedSince(const Topic& topic, const log::Journal& journal,
                                             host::WallTime time) {
  // The messages of that second, in the order of their times.
  uint64_t low = topic.FirstSince(time);
  uint64_t high = topic.FirstSince(time + std::chrono::seconds(1));
  while (low < high) {
    uint64_t middle = low + (high - low) / 2;
    absl::StatusOr<SharedBatch> batch = topic.Fetch(journal, middle, /*may_block=*/true);
    if (absl::IsOutOfRange(batch.status())) {
      // Released since it was looked up, and all before it.
      low = std::max(middle + 1, topic.first_sequence());
      continue;
    }
    if (!batch.ok()) return batch.status();
    if ((*batch)->publish_time < time)
      low = (*batch)->first_sequence + (*batch)->messages.size();
    else
      high = std::min((*batch)->first_sequence, middle);
  }
  return low;
}

}  // namespace afluente::broker
