#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "broker/message_index.h"

namespace afluente::broker {

class Topic;
struct Surroundings;

// What somebody needs of the journal.
struct Needs {
  struct OfTopic {
    std::shared_ptr<Topic> topic;
    uint64_t first_sequence;  // it and all later ones
  };
  std::vector<OfTopic> topics;
  MessageIndex::BytesBySegment bytes;  // of records, about

  uint64_t total_bytes() const;
};

// Records the needed messages of the oldest segments once more, at the journal's end, so that those
// segments can go: whole segments, oldest first, below `before_segment`, until about `bytes_max`
// are moved. Waits for the journal. An error is the journal's: what was moved until then stays
// moved.
absl::Status MoveOldest(const Surroundings& surroundings, const Needs& needs,
                        uint64_t before_segment, uint64_t bytes_max);

}  // namespace afluente::broker
