#include "broker/message_index.h"

#include <algorithm>
#include <utility>

namespace afluente::broker {
namespace {

int64_t CeilSeconds(host::WallTime time) {
  return std::chrono::ceil<std::chrono::seconds>(time.time_since_epoch()).count();
}

// The entries from `begin` to `end` of `whole`, which are `share` of its messages.
std::shared_ptr<MessageIndex::Segment> Part(const MessageIndex::Segment& whole,
                                            MessageIndex::Entries::const_iterator begin,
                                            MessageIndex::Entries::const_iterator end,
                                            double share) {
  auto part = std::make_shared<MessageIndex::Segment>();
  part->segment = whole.segment;
  part->first_sequence = whole.first_sequence + begin->sequence;
  part->seconds = whole.seconds + begin->seconds;
  part->bytes = static_cast<uint64_t>(static_cast<double>(whole.bytes) * share);
  for (auto entry = begin; entry != end; ++entry) {
    part->entries.push_back({entry->offset, entry->size, entry->sequence - begin->sequence,
                             entry->seconds - begin->seconds});
  }
  return part;
}

// Adds the blocks of `more`, which follow in the same segment.
std::shared_ptr<MessageIndex::Segment> Joined(const MessageIndex::Segment& segment,
                                              const MessageIndex::Segment& more) {
  auto joined = std::make_shared<MessageIndex::Segment>(segment);
  const auto sequences = static_cast<uint32_t>(more.first_sequence - segment.first_sequence);
  const auto seconds = static_cast<uint32_t>(more.seconds - segment.seconds);
  for (const MessageIndex::Entry& entry : more.entries) {
    joined->entries.push_back(
        {entry.offset, entry.size, entry.sequence + sequences, entry.seconds + seconds});
  }
  joined->bytes += more.bytes;
  return joined;
}

}  // namespace

MessageIndex::MessageIndex(const Segments& segments, uint64_t end) : end_(end), ended_(true) {
  segments_.reserve(segments.size());
  for (const auto& segment : segments) segments_.push_back(std::make_shared<Segment>(*segment));
}

void MessageIndex::Append(const log::Place& place, uint64_t count, host::WallTime publish_time) {
  int64_t seconds = CeilSeconds(publish_time);
  if (segments_.empty() || segments_.back()->segment != place.segment) {
    auto segment = std::make_shared<Segment>();
    segment->segment = place.segment;
    segment->first_sequence = end_;
    segment->seconds = seconds;
    segments_.push_back(std::move(segment));
  }
  Segment& last = *segments_.back();
  auto relative = static_cast<uint32_t>(std::max<int64_t>(0, seconds - last.seconds));
  auto sequence = static_cast<uint32_t>(end_ - last.first_sequence);
  end_ += count;
  last.bytes += place.size;
  if (!std::exchange(ended_, false) && !last.entries.empty()) {
    Entry& block = last.entries.back();
    uint64_t size = uint64_t{place.offset} + place.size - block.offset;
    if (size <= kBlockBytes && block.seconds == relative) {
      block.size = static_cast<uint32_t>(size);
      return;
    }
  }
  last.entries.push_back({place.offset, place.size, sequence, relative});
}

size_t MessageIndex::SegmentOf(uint64_t sequence) const {
  auto it = std::upper_bound(
      segments_.begin(), segments_.end(), sequence,
      [](uint64_t value, const auto& segment) { return value < segment->first_sequence; });
  return static_cast<size_t>(it - segments_.begin()) - 1;
}

uint64_t MessageIndex::EndOf(size_t segment) const {
  return segment + 1 < segments_.size() ? segments_[segment + 1]->first_sequence : end_;
}

MessageIndex::Entries::const_iterator MessageIndex::EntryAt(size_t segment,
                                                            uint64_t sequence) const {
  const Segment& in = *segments_[segment];
  return std::lower_bound(
      in.entries.begin(), in.entries.end(), sequence - in.first_sequence,
      [](const Entry& entry, uint64_t relative) { return entry.sequence < relative; });
}

double MessageIndex::ShareSince(size_t segment, uint64_t sequence) const {
  const uint64_t first = segments_[segment]->first_sequence;
  const uint64_t end = EndOf(segment);
  return static_cast<double>(end - std::max(first, sequence)) / static_cast<double>(end - first);
}

std::optional<MessageIndex::Found> MessageIndex::Find(uint64_t sequence) const {
  if (sequence < first_sequence() || sequence >= end_) return std::nullopt;
  size_t at = SegmentOf(sequence);
  const Segment& segment = *segments_[at];
  uint64_t relative = sequence - segment.first_sequence;
  auto next =
      std::upper_bound(segment.entries.begin(), segment.entries.end(), relative,
                       [](uint64_t value, const Entry& entry) { return value < entry.sequence; });
  const Entry& entry = *std::prev(next);
  const uint64_t after =
      next != segment.entries.end() ? segment.first_sequence + next->sequence : EndOf(at);
  Found found;
  found.place = {segment.segment, entry.offset, entry.size};
  found.first_sequence = segment.first_sequence + entry.sequence;
  found.count = after - found.first_sequence;
  found.publish_time = host::WallTime(std::chrono::seconds(segment.seconds + entry.seconds));
  return found;
}

uint64_t MessageIndex::FirstSince(host::WallTime time) const {
  // Times are rounded up and never fall, so an entry at or after `time` may only be kept too long.
  int64_t seconds = CeilSeconds(time);
  for (const auto& segment : segments_) {
    if (segment->seconds + segment->entries.back().seconds < seconds) continue;
    for (const Entry& entry : segment->entries) {
      if (segment->seconds + entry.seconds >= seconds)
        return segment->first_sequence + entry.sequence;
    }
  }
  return end_;
}

void MessageIndex::DropBefore(uint64_t segment) {
  auto last = std::find_if(segments_.rbegin(), segments_.rend(),
                           [&](const auto& each) { return each->segment < segment; });
  segments_.erase(segments_.begin(), last.base());
}

bool MessageIndex::Move(const log::Place& place, uint64_t first, uint64_t count) {
  if (count == 0 || first < first_sequence() || first + count > end_) return false;
  const size_t front = SegmentOf(first);
  const size_t back = SegmentOf(first + count - 1);
  const auto begin = EntryAt(front, first);
  const auto end = EntryAt(back, first + count);
  const std::shared_ptr<const Segment> from = segments_[front];
  const std::shared_ptr<const Segment> to = segments_[back];
  const bool ends = end == to->entries.end() || to->first_sequence + end->sequence == first + count;
  if (begin == from->entries.end() || from->first_sequence + begin->sequence != first || !ends)
    return false;
  std::vector<std::shared_ptr<Segment>> parts;
  if (begin != from->entries.begin())
    parts.push_back(Part(*from, from->entries.begin(), begin, 1 - ShareSince(front, first)));
  size_t replaced = front;
  std::shared_ptr<Segment> moved;
  if (parts.empty() && front > 0 && segments_[front - 1]->segment == place.segment)
    moved = std::make_shared<Segment>(*segments_[--replaced]);
  for (size_t at = front; at <= back; ++at) {
    const Segment& each = *segments_[at];
    if (each.segment != from->segment) return false;
    auto part = Part(each, at == front ? begin : each.entries.begin(),
                     at == back ? end : each.entries.end(), 0);
    part->segment = place.segment;
    for (Entry& entry : part->entries) {
      entry.offset = place.offset;
      entry.size = place.size;
    }
    moved = moved ? Joined(*moved, *part) : std::move(part);
  }
  moved->bytes += place.size;
  parts.push_back(std::move(moved));
  if (end != to->entries.end())
    parts.push_back(Part(*to, end, to->entries.end(), ShareSince(back, first + count)));
  auto rest = segments_.erase(segments_.begin() + static_cast<ptrdiff_t>(replaced),
                              segments_.begin() + static_cast<ptrdiff_t>(back) + 1);
  segments_.insert(rest, parts.begin(), parts.end());
  // No later record joins a block that was moved.
  ended_ = true;
  return true;
}

std::vector<MessageIndex::Found> MessageIndex::BlocksIn(uint64_t segment, uint64_t from) const {
  std::vector<Found> blocks;
  for (size_t at = 0; at < segments_.size(); ++at) {
    const Segment& each = *segments_[at];
    if (each.segment != segment || EndOf(at) <= from) continue;
    for (const Entry& entry : each.entries) {
      auto found = Find(each.first_sequence + entry.sequence);
      if (found && found->first_sequence + found->count > from) blocks.push_back(*found);
    }
  }
  return blocks;
}

void MessageIndex::AddBytes(uint64_t from, BytesBySegment& bytes) const {
  for (size_t at = segments_.size(); at > 0 && EndOf(at - 1) > from; --at) {
    const Segment& each = *segments_[at - 1];
    bytes[each.segment] +=
        static_cast<uint64_t>(static_cast<double>(each.bytes) * ShareSince(at - 1, from));
  }
}

MessageIndex::Segments MessageIndex::Share() const {
  Segments shared(segments_.begin(), segments_.end());
  if (!shared.empty()) shared.back() = std::make_shared<Segment>(*segments_.back());
  return shared;
}

}  // namespace afluente::broker
