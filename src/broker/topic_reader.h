#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "event/message.h"

namespace afluente::broker {

// A place between two messages of one incarnation of a topic.
struct TopicPosition {
  std::string journal;       // the journal's identity
  uint64_t incarnation = 0;  // of the topic; never used again
  uint64_t sequence = 0;     // the last message that lies before this place; 0 = before the first
  friend bool operator==(const TopicPosition&, const TopicPosition&) = default;
};

// Port: reads a topic's synced messages in order, from memory near the end and from disk elsewhere.
// One thread at a time; made by Topics::OpenReader, which pins what lies after where it starts;
// destroying it unpins.
class TopicReader {
 public:
  virtual ~TopicReader() = default;

  using Batch = std::vector<std::shared_ptr<const event::Message>>;

  // The messages after `position`, at most `messages_max` and about `bytes_max` (at least one when
  // any waits); empty when the reader is caught up. DATA_LOSS with the place when the journal is
  // damaged.
  virtual absl::StatusOr<Batch> Read(uint64_t after_sequence, size_t messages_max,
                                     size_t bytes_max) = 0;

  // Calls `ready` once when a message after `after_sequence` is synced (at once if one already is).
  // Replaces an earlier waiter. `ready` runs on the journal's thread and must not block.
  virtual void Wait(uint64_t after_sequence, absl::AnyInvocable<void()> ready) = 0;

  // Keeps messages after `sequence` from being cleaned.
  virtual void Pin(uint64_t after_sequence) = 0;

  // Last synced sequence of this incarnation, and the first retained one (last + 1 when empty).
  virtual uint64_t last_sequence() const = 0;
  virtual uint64_t first_sequence() const = 0;
  // True once the topic is deleted: no message will follow the last one, and a topic of that name
  // is another incarnation.
  virtual bool topic_deleted() const = 0;
  virtual TopicPosition position_at(uint64_t after_sequence) const = 0;
};

}  // namespace afluente::broker
