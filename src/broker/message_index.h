#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/container/btree_map.h"
#include "broker/log/journal.h"
#include "host/clock.h"

namespace afluente::broker {

// Where a topic's publish records lie in the journal: 16 bytes a block, grouped by segment. A block
// is a stretch of at most kBlockBytes (one record may be longer) that holds consecutive records of
// the topic, of one second, with those of others between them; it is read as a whole. Several
// blocks that were moved to the journal's end lie in one record there. All segments but the last
// are immutable and shared with snapshots. Not thread-safe.
class MessageIndex {
 public:
  static constexpr uint32_t kBlockBytes = 64 << 10;

  struct Entry {
    uint32_t offset;
    uint32_t size;      // to the end of the block's last record
    uint32_t sequence;  // of the block's first message, counted from the segment's
    uint32_t seconds;   // publish time, rounded up, counted from the segment's
  };
  using Entries = std::vector<Entry>;
  // Consecutive blocks in one segment of the journal. Those of a topic ascend by their sequences,
  // and by their segments as long as nothing is moved.
  struct Segment {
    uint64_t segment = 0;
    uint64_t first_sequence = 0;
    int64_t seconds = 0;
    uint64_t bytes = 0;  // of the topic's own records there; about, once some are moved
    Entries entries;
  };
  using Segments = std::vector<std::shared_ptr<const Segment>>;

  struct Found {
    log::Place place;  // of the block
    uint64_t first_sequence = 0;
    uint64_t count = 0;
    host::WallTime publish_time;  // rounded up to the second
  };

  // An index whose first record will hold `first_sequence`.
  explicit MessageIndex(uint64_t first_sequence = 1) : end_(first_sequence) {}
  // As captured by Share.
  MessageIndex(const Segments& segments, uint64_t end);

  // `count` messages follow the last in a record at `place`, which lies after every other.
  void Append(const log::Place& place, uint64_t count, host::WallTime publish_time);
  // The next record begins a block. So after a record that looks like one of the topic but is none
  // (a dead letter that came to nothing): no block may hold it.
  void EndBlock() { ended_ = true; }
  std::optional<Found> Find(uint64_t sequence) const;
  // The first retained sequence published at or after `time`; end() when none is.
  uint64_t FirstSince(host::WallTime time) const;
  // Forgets the records of segments below `segment`, and what lies before them.
  void DropBefore(uint64_t segment);
  // `count` messages from `first` on, which are whole blocks of one segment, lie in a record at
  // `place` now. False, and nothing changes, when they are not.
  bool Move(const log::Place& place, uint64_t first, uint64_t count);
  // The blocks in a segment of the journal that hold a sequence of `from` or later.
  std::vector<Found> BlocksIn(uint64_t segment, uint64_t from) const;
  // Adds how many bytes of each segment hold sequences of `from` or later, about.
  using BytesBySegment = absl::btree_map<uint64_t, uint64_t>;
  void AddBytes(uint64_t from, BytesBySegment& bytes) const;

  uint64_t first_sequence() const {
    return segments_.empty() ? end_ : segments_.front()->first_sequence;
  }
  uint64_t end() const { return end_; }
  // An immutable copy: shares all segments but the last, which is copied.
  Segments Share() const;

 private:
  size_t SegmentOf(uint64_t sequence) const;
  uint64_t EndOf(size_t segment) const;
  // The first block of a segment that begins at `sequence` or later.
  Entries::const_iterator EntryAt(size_t segment, uint64_t sequence) const;
  // How much of a segment's messages lie at `sequence` or later, from 0 to 1.
  double ShareSince(size_t segment, uint64_t sequence) const;

  std::vector<std::shared_ptr<Segment>> segments_;
  uint64_t end_;  // one past the last sequence
  bool ended_ = false;
};

}  // namespace afluente::broker
