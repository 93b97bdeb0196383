#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "event/message.h"
#include "host/clock.h"

namespace afluente::broker {

// The messages of one publish record, or of a block of them read from the journal, which live and
// die together: one allocation for all. Filled by the publisher's thread, numbered when the record
// is synced, immutable from then on.
struct Batch {
  uint64_t first_sequence = 0;
  host::WallTime publish_time;  // of the last record
  std::vector<event::Message> messages;
  uint64_t memory_bytes = 0;

  uint64_t last_sequence() const { return first_sequence + messages.size() - 1; }
  bool Holds(uint64_t sequence) const {
    return sequence >= first_sequence && sequence - first_sequence < messages.size();
  }
  const event::Message& At(uint64_t sequence) const { return messages[sequence - first_sequence]; }

  // Gives the messages their sequences and ids.
  void Number(uint64_t incarnation, uint64_t first);
};

// Shared: the topic's memory, readers and deliveries hold a batch as long as they need it.
using SharedBatch = std::shared_ptr<const Batch>;

inline std::shared_ptr<const event::Message> MessageOf(const SharedBatch& batch,
                                                       uint64_t sequence) {
  return {batch, &batch->At(sequence)};
}

// What a message counts for in limits: data, attributes and ordering key.
uint64_t SizeOf(const event::Message& message);

// Unique in the server: the topic's incarnation, then its sequence in 14 digits.
std::string MessageId(uint64_t incarnation, uint64_t sequence);

// Sequences that an id can hold: at a million messages a second, three years of one topic.
inline constexpr uint64_t kSequenceMax = 99'999'999'999'999;

}  // namespace afluente::broker
