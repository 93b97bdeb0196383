#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "host/clock.h"

namespace afluente::broker {

class Topic;
namespace log {
class Journal;
}

// The first retained sequence published at or after `time`, exactly; the topic's last + 1 when
// there is none. Reads from the journal what the index knows to the second only, so it blocks.
absl::StatusOr<uint64_t> FirstPublishedSince(const Topic& topic, const log::Journal& journal,
                                             host::WallTime time);

}  // namespace afluente::broker
