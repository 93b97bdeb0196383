#include "broker/snapshot.h"

#include <utility>

#include "broker/bytes.h"
#include "broker/records.h"
#include "broker/resource_codec.h"
#include "broker/settings_codec.h"

namespace afluente::broker {
namespace {

void WriteSegment(ByteWriter& writer, const MessageIndex::Segment& segment) {
  writer.Varint(segment.segment);
  writer.Varint(segment.first_sequence);
  writer.Varint(static_cast<uint64_t>(segment.seconds));
  writer.Varint(segment.bytes);
  writer.Varint(segment.entries.size());
  MessageIndex::Entry before{};
  for (const MessageIndex::Entry& entry : segment.entries) {
    writer.Varint(entry.offset - before.offset);
    writer.Varint(entry.size);
    writer.Varint(entry.sequence - before.sequence);
    // Rounded clocks never fall, so this is never negative.
    writer.Varint(entry.seconds - before.seconds);
    before = entry;
  }
}

std::shared_ptr<MessageIndex::Segment> ReadSegment(ByteReader& reader, uint8_t version) {
  auto segment = std::make_shared<MessageIndex::Segment>();
  segment->segment = reader.Varint();
  segment->first_sequence = reader.Varint();
  segment->seconds = static_cast<int64_t>(reader.Varint());
  if (version >= 3) segment->bytes = reader.Varint();
  size_t count = reader.Count();
  if (count == 0) reader.Fail();
  if (!reader.ok()) return segment;
  segment->entries.reserve(count);
  uint64_t offset = 0;
  uint64_t sequence = 0;
  uint64_t seconds = 0;
  for (size_t i = 0; i < count; ++i) {
    offset += reader.Varint();
    uint64_t size = reader.Varint();
    sequence += reader.Varint();
    seconds += reader.Varint();
    bool first = i == 0;
    bool ascends = first ? sequence == 0 : sequence > segment->entries.back().sequence;
    bool fits = offset <= UINT32_MAX && size <= UINT32_MAX && sequence <= UINT32_MAX &&
                seconds <= UINT32_MAX;
    if (!reader.ok() || !ascends || !fits) {
      reader.Fail();
      return segment;
    }
    segment->entries.push_back({static_cast<uint32_t>(offset), static_cast<uint32_t>(size),
                                static_cast<uint32_t>(sequence), static_cast<uint32_t>(seconds)});
    if (version < 3) segment->bytes += size;
  }
  return segment;
}

void WriteTopic(ByteWriter& writer, const TopicImage& topic) {
  writer.Varint(topic.incarnation);
  writer.Byte(topic.deleted ? 1 : 0);
  WriteSettings(writer, topic.settings);
  writer.Fixed64(static_cast<uint64_t>(topic.last_publish_time.time_since_epoch().count()));
  writer.Varint(topic.end);
  writer.Varint(topic.index.size());
  for (const auto& segment : topic.index) WriteSegment(writer, *segment);
}

TopicImage ReadTopic(ByteReader& reader, uint8_t version) {
  TopicImage topic;
  topic.incarnation = reader.Varint();
  topic.deleted = reader.Byte() != 0;
  topic.settings = ReadTopicSettings(reader, version);
  topic.last_publish_time =
      host::WallTime(std::chrono::microseconds(static_cast<int64_t>(reader.Fixed64())));
  topic.end = reader.Varint();
  if (topic.end == 0 || topic.end > kSequenceMax + 1) reader.Fail();
  size_t count = reader.Count();
  for (size_t i = 0; i < count && reader.ok(); ++i) {
    std::shared_ptr<MessageIndex::Segment> segment = ReadSegment(reader, version);
    if (!reader.ok()) break;
    uint64_t last = segment->first_sequence + segment->entries.back().sequence;
    bool in_order = topic.index.empty() ||
                    segment->first_sequence > topic.index.back()->first_sequence +
                                                  topic.index.back()->entries.back().sequence;
    if (segment->first_sequence == 0 || last >= topic.end || !in_order) reader.Fail();
    topic.index.push_back(std::move(segment));
  }
  return topic;
}

void WriteSubscription(ByteWriter& writer, const SubscriptionImage& subscription) {
  writer.Varint(subscription.incarnation);
  writer.Varint(subscription.topic);
  WriteSettings(writer, subscription.settings);
  writer.Varint(subscription.floor);
  WriteRanges(writer, subscription.ranges);
}

SubscriptionImage ReadSubscription(ByteReader& reader, uint8_t version) {
  SubscriptionImage subscription;
  subscription.incarnation = reader.Varint();
  subscription.topic = reader.Varint();
  subscription.settings = ReadSubscriptionSettings(reader, version);
  subscription.floor = reader.Varint();
  subscription.ranges = ReadRanges(reader);
  return subscription;
}

// What came with version 2.
void WriteResources(ByteWriter& writer, const StateImage& image) {
  for (const SubscriptionImage& each : image.subscriptions) {
    writer.Varint(each.start);
    writer.Varint(each.seek_generation);
  }
  writer.Varint(image.snapshots.size());
  for (const SnapshotImage& each : image.snapshots) {
    WriteSettings(writer, each.settings);
    writer.Varint(each.topic);
    writer.Varint(each.floor);
    WriteRanges(writer, each.ranges);
  }
  writer.Varint(image.schemas.size());
  for (const SchemaRevision& each : image.schemas) WriteRevision(writer, each);
  writer.Varint(image.policies.size());
  for (const auto& [resource, policy] : image.policies) {
    writer.String(resource);
    WritePolicy(writer, policy);
  }
}

void ReadResources(ByteReader& reader, StateImage& image) {
  for (SubscriptionImage& each : image.subscriptions) {
    each.start = reader.Varint();
    each.seek_generation = reader.Varint();
  }
  size_t snapshots = reader.Count();
  for (size_t i = 0; i < snapshots && reader.ok(); ++i) {
    SnapshotImage& each = image.snapshots.emplace_back();
    each.settings = ReadSnapshotSettings(reader);
    each.topic = reader.Varint();
    each.floor = reader.Varint();
    each.ranges = ReadRanges(reader);
  }
  size_t schemas = reader.Count();
  for (size_t i = 0; i < schemas && reader.ok(); ++i) image.schemas.push_back(ReadRevision(reader));
  size_t policies = reader.Count();
  for (size_t i = 0; i < policies && reader.ok(); ++i) {
    std::string resource(reader.String());
    image.policies.emplace_back(std::move(resource), ReadPolicy(reader));
  }
}

// Of each subscription in its order above.
void ReadAllFailures(ByteReader& reader, std::vector<SubscriptionImage>& subscriptions) {
  for (SubscriptionImage& each : subscriptions) each.failures = ReadFailures(reader);
}

}  // namespace

std::string EncodeSnapshot(const StateImage& image) {
  ByteWriter writer(4096);
  writer.Byte(kFormatVersion);
  writer.Varint(image.next_incarnation);
  writer.Varint(image.released_segment);
  writer.Varint(image.topics.size());
  for (const TopicImage& topic : image.topics) WriteTopic(writer, topic);
  writer.Varint(image.subscriptions.size());
  for (const SubscriptionImage& each : image.subscriptions) WriteSubscription(writer, each);
  WriteResources(writer, image);
  for (const SubscriptionImage& each : image.subscriptions) WriteFailures(writer, each.failures);
  if (!image.keys.empty()) WriteKeys(writer, image.keys);
  return writer.Take();
}

absl::StatusOr<StateImage> DecodeSnapshot(std::string_view bytes) {
  ByteReader reader(bytes);
  uint8_t version = reader.Byte();
  if (version == 0 || version > kFormatVersion)
    return absl::DataLossError("the broker's snapshot has another version");
  StateImage image;
  image.next_incarnation = reader.Varint();
  image.released_segment = reader.Varint();
  size_t topics = reader.Count();
  for (size_t i = 0; i < topics && reader.ok(); ++i)
    image.topics.push_back(ReadTopic(reader, version));
  size_t subscriptions = reader.Count();
  for (size_t i = 0; i < subscriptions && reader.ok(); ++i)
    image.subscriptions.push_back(ReadSubscription(reader, version));
  if (version >= 2) {
    ReadResources(reader, image);
    ReadAllFailures(reader, image.subscriptions);
    if (reader.ok() && !reader.rest().empty()) image.keys = ReadKeys(reader);
  }
  if (!reader.done()) return absl::DataLossError("the broker's snapshot is damaged");
  return image;
}

}  // namespace afluente::broker
