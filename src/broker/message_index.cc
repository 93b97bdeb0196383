#include "broker/message_index.h"

#include <algorithm>
#include <utility>

namespace afluente::broker {
namespace {

int64_t CeilSeconds(host::WallTime time) {
  return std::chrono::ceil<std::chrono::seconds>(time.time_since_epoch()).count();
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

std::optional<MessageIndex::Found> MessageIndex::Find(uint64_t sequence) const {
  if (sequence < first_sequence() || sequence >= end_) return std::nullopt;
  size_t at = SegmentOf(sequence);
  const Segment& segment = *segments_[at];
  uint64_t relative = sequence - segment.first_sequence;
  auto next =
      std::upper_bound(segment.entries.begin(), segment.entries.end(), relative,
                       [](uint64_t value, const Entry& entry) { return value < entry.sequence; });
  const Entry& entry = *std::prev(next);
  uint64_t after = end_;
  if (next != segment.entries.end()) {
    after = segment.first_sequence + next->sequence;
  } else if (at + 1 < segments_.size()) {
    after = segments_[at + 1]->first_sequence;
  }
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
  auto keep = std::find_if(segments_.begin(), segments_.end(),
                           [&](const auto& each) { return each->segment >= segment; });
  segments_.erase(segments_.begin(), keep);
}

MessageIndex::Segments MessageIndex::Share() const {
  Segments shared(segments_.begin(), segments_.end());
  if (!shared.empty()) shared.back() = std::make_shared<Segment>(*segments_.back());
  return shared;
}

}  // namespace afluente::broker
