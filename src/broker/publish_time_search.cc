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
    // A batch read from the journal holds several records, each of a time of its own.
    const auto& messages = (*batch)->messages;
    auto since = std::partition_point(
        messages.begin(), messages.end(),
        [time](const event::Message& message) { return message.publish_time < time; });
    uint64_t found = (*batch)->first_sequence + static_cast<uint64_t>(since - messages.begin());
    if (since != messages.begin() && since != messages.end()) return std::clamp(found, low, high);
    if (since == messages.end())
      low = found;
    else
      high = std::min(found, middle);
  }
  return low;
}

}  // namespace afluente::broker
