#include "broker/records.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "host/check.h"

namespace afluente::broker {
namespace {

// docs/formats/broker-records.md: version, kind.
constexpr uint8_t kVersion = 1;
enum class Kind : uint8_t {
  kPublish = 1,
  kCreateTopic = 2,
  kUpdateTopic = 3,
  kDeleteTopic = 4,
  kForgetTopic = 5,
  kCreateSubscription = 6,
  kUpdateSubscription = 7,
  kDeleteSubscription = 8,
  kAcks = 9,
  kRelease = 10,
};

// The publish head: version, kind, incarnation, publish time, count.
constexpr size_t kPublishTimeAt = 10;
constexpr size_t kPublishHeadBytes = 22;

absl::Status BadRecord(std::string_view why) {
  return absl::DataLossError(absl::StrCat("not a broker record: ", std::string(why)));
}

void WriteLabels(ByteWriter& writer, const std::map<std::string, std::string>& labels) {
  writer.Varint(labels.size());
  for (const auto& [key, value] : labels) {
    writer.String(key);
    writer.String(value);
  }
}

std::map<std::string, std::string> ReadLabels(ByteReader& reader) {
  std::map<std::string, std::string> labels;
  size_t count = reader.Count();
  for (size_t i = 0; i < count && reader.ok(); ++i) {
    std::string key(reader.String());
    labels[std::move(key)] = std::string(reader.String());
  }
  return labels;
}

// An optional duration: 0 = none, else its seconds + 1.
void WriteSeconds(ByteWriter& writer, std::optional<std::chrono::seconds> value) {
  writer.Varint(value ? static_cast<uint64_t>(value->count()) + 1 : 0);
}

// Settings hold decades at most: more could overflow what is computed from them.
constexpr uint64_t kSecondsMax = 10'000'000'000;

std::chrono::seconds ReadPlainSeconds(ByteReader& reader) {
  uint64_t value = reader.Varint();
  if (value > kSecondsMax) reader.Fail();
  return std::chrono::seconds(static_cast<int64_t>(std::min(value, kSecondsMax)));
}

std::optional<std::chrono::seconds> ReadSeconds(ByteReader& reader) {
  std::chrono::seconds value = ReadPlainSeconds(reader);
  if (value.count() == 0) return std::nullopt;
  return value - std::chrono::seconds(1);
}

// A cheap upper bound, so that encoding allocates once.
size_t SizeBound(const std::vector<event::Draft>& drafts) {
  size_t size = kPublishHeadBytes;
  for (const event::Draft& draft : drafts) {
    size += draft.data.size() + draft.ordering_key.size() + 15;
    for (const auto& [key, value] : draft.attributes) size += key.size() + value.size() + 10;
  }
  return size;
}

Kind KindOf(const Record& record) { return static_cast<Kind>(record.index() + 1); }

struct BodyWriter {
  ByteWriter& writer;
  void operator()(const PublishRecord&) { AFLUENTE_CHECK(false); }
  void operator()(const CreateTopicRecord& r) { WriteSettings(writer, r.settings); }
  void operator()(const UpdateTopicRecord& r) { WriteSettings(writer, r.settings); }
  void operator()(const DeleteTopicRecord& r) { writer.String(r.name); }
  void operator()(const ForgetTopicRecord& r) { writer.Varint(r.incarnation); }
  void operator()(const CreateSubscriptionRecord& r) { WriteSettings(writer, r.settings); }
  void operator()(const UpdateSubscriptionRecord& r) { WriteSettings(writer, r.settings); }
  void operator()(const DeleteSubscriptionRecord& r) { writer.String(r.name); }
  void operator()(const AcksRecord& r) {
    writer.Varint(r.subscription);
    WriteRanges(writer, r.ranges);
  }
  void operator()(const ReleaseRecord& r) { writer.Varint(r.segment); }
};

std::optional<Record> ReadBody(Kind kind, ByteReader& reader) {
  switch (kind) {
    case Kind::kPublish:
      break;
    case Kind::kCreateTopic:
      return CreateTopicRecord{ReadTopicSettings(reader)};
    case Kind::kUpdateTopic:
      return UpdateTopicRecord{ReadTopicSettings(reader)};
    case Kind::kDeleteTopic:
      return DeleteTopicRecord{std::string(reader.String())};
    case Kind::kForgetTopic:
      return ForgetTopicRecord{reader.Varint()};
    case Kind::kCreateSubscription:
      return CreateSubscriptionRecord{ReadSubscriptionSettings(reader)};
    case Kind::kUpdateSubscription:
      return UpdateSubscriptionRecord{ReadSubscriptionSettings(reader)};
    case Kind::kDeleteSubscription:
      return DeleteSubscriptionRecord{std::string(reader.String())};
    case Kind::kAcks: {
      uint64_t subscription = reader.Varint();
      return AcksRecord{subscription, ReadRanges(reader)};
    }
    case Kind::kRelease:
      return ReleaseRecord{reader.Varint()};
  }
  return std::nullopt;
}

PublishRecord ReadPublishHead(ByteReader& reader) {
  PublishRecord record;
  record.incarnation = reader.Fixed64();
  record.publish_time =
      host::WallTime(std::chrono::microseconds(static_cast<int64_t>(reader.Fixed64())));
  record.count = reader.Fixed32();
  return record;
}

event::Message ReadMessage(ByteReader& reader) {
  event::Message message;
  message.data = std::string(reader.String());
  size_t attributes = reader.Count();
  message.attributes.reserve(attributes);
  for (size_t i = 0; i < attributes && reader.ok(); ++i) {
    std::string key(reader.String());
    message.attributes.emplace_back(std::move(key), std::string(reader.String()));
  }
  message.ordering_key = std::string(reader.String());
  return message;
}

}  // namespace

void WriteSettings(ByteWriter& writer, const TopicSettings& settings) {
  writer.String(settings.name);
  WriteLabels(writer, settings.labels);
  WriteSeconds(writer, settings.message_retention);
}

TopicSettings ReadTopicSettings(ByteReader& reader) {
  TopicSettings settings;
  settings.name = std::string(reader.String());
  settings.labels = ReadLabels(reader);
  settings.message_retention = ReadSeconds(reader);
  return settings;
}

void WriteSettings(ByteWriter& writer, const SubscriptionSettings& settings) {
  writer.String(settings.name);
  writer.String(settings.topic);
  WriteLabels(writer, settings.labels);
  writer.Varint(static_cast<uint64_t>(settings.ack_deadline.count()));
  writer.String(settings.filter);
  writer.Byte((settings.retain_acked_messages ? 1 : 0) |
              (settings.enable_message_ordering ? 2 : 0));
  writer.Varint(static_cast<uint64_t>(settings.message_retention.count()));
  WriteSeconds(writer, settings.expiration_ttl);
}

SubscriptionSettings ReadSubscriptionSettings(ByteReader& reader) {
  SubscriptionSettings settings;
  settings.name = std::string(reader.String());
  settings.topic = std::string(reader.String());
  settings.labels = ReadLabels(reader);
  settings.ack_deadline = ReadPlainSeconds(reader);
  settings.filter = std::string(reader.String());
  uint8_t flags = reader.Byte();
  settings.retain_acked_messages = (flags & 1) != 0;
  settings.enable_message_ordering = (flags & 2) != 0;
  settings.message_retention = ReadPlainSeconds(reader);
  settings.expiration_ttl = ReadSeconds(reader);
  return settings;
}

void WriteRanges(ByteWriter& writer, const std::vector<SequenceSet::Range>& ranges) {
  writer.Varint(ranges.size());
  uint64_t before = 0;
  for (auto [first, last] : ranges) {
    writer.Varint(first - before);
    writer.Varint(last - first);
    before = last;
  }
}

std::vector<SequenceSet::Range> ReadRanges(ByteReader& reader) {
  std::vector<SequenceSet::Range> ranges;
  size_t count = reader.Count();
  ranges.reserve(count);
  uint64_t before = 0;
  for (size_t i = 0; i < count; ++i) {
    uint64_t gap = reader.Varint();
    uint64_t length = reader.Varint();
    // No sequence comes near this, so the sums below cannot overflow.
    if (!reader.ok() || gap == 0 || gap > kSequenceMax || length > kSequenceMax ||
        before > kSequenceMax) {
      reader.Fail();
      return {};
    }
    ranges.emplace_back(before + gap, before + gap + length);
    before = ranges.back().second;
  }
  return ranges;
}

std::string Encode(const Record& record) {
  ByteWriter writer(64);
  writer.Byte(kVersion);
  writer.Byte(static_cast<uint8_t>(KindOf(record)));
  std::visit(BodyWriter{writer}, record);
  return writer.Take();
}

std::string EncodePublish(uint64_t incarnation, const std::vector<event::Draft>& drafts) {
  ByteWriter writer(SizeBound(drafts));
  writer.Byte(kVersion);
  writer.Byte(static_cast<uint8_t>(Kind::kPublish));
  writer.Fixed64(incarnation);
  writer.Fixed64(0);
  writer.Fixed32(static_cast<uint32_t>(drafts.size()));
  for (const event::Draft& draft : drafts) {
    writer.String(draft.data);
    writer.Varint(draft.attributes.size());
    for (const auto& [key, value] : draft.attributes) {
      writer.String(key);
      writer.String(value);
    }
    writer.String(draft.ordering_key);
  }
  return writer.Take();
}

void SetPublishTime(std::string& payload, host::WallTime publish_time) {
  AFLUENTE_CHECK(payload.size() >= kPublishHeadBytes);
  PutFixed64(static_cast<uint64_t>(publish_time.time_since_epoch().count()),
             payload.data() + kPublishTimeAt);
}

absl::StatusOr<Record> Decode(std::string_view payload) {
  ByteReader reader(payload);
  uint8_t version = reader.Byte();
  auto kind = static_cast<Kind>(reader.Byte());
  if (!reader.ok()) return BadRecord("too short");
  if (version != kVersion) return BadRecord(absl::StrCat("version ", version));
  if (kind == Kind::kPublish) {
    PublishRecord record = ReadPublishHead(reader);
    if (!reader.ok() || record.count == 0 || record.count > reader.rest().size())
      return BadRecord("a publish's head");
    return record;
  }
  std::optional<Record> record = ReadBody(kind, reader);
  if (!record) return BadRecord(absl::StrCat("kind ", static_cast<int>(kind)));
  if (!reader.done()) return BadRecord(absl::StrCat("body of kind ", static_cast<int>(kind)));
  return *std::move(record);
}

absl::StatusOr<SharedBatch> DecodeBatch(std::string_view payload, uint64_t first_sequence) {
  AFLUENTE_ASSIGN_OR_RETURN(Record record, Decode(payload));
  const auto* head = std::get_if<PublishRecord>(&record);
  if (head == nullptr) return BadRecord("a publish was expected");
  ByteReader reader(payload.substr(kPublishHeadBytes));
  auto batch = std::make_shared<Batch>();
  batch->publish_time = head->publish_time;
  batch->messages.reserve(std::min<size_t>(head->count, 1000));
  for (uint32_t i = 0; i < head->count && reader.ok(); ++i) {
    batch->messages.push_back(ReadMessage(reader));
    batch->memory_bytes += SizeOf(batch->messages.back()) + sizeof(event::Message);
  }
  if (!reader.done()) return BadRecord("a publish's messages");
  batch->Number(head->incarnation, first_sequence);
  return SharedBatch(std::move(batch));
}

}  // namespace afluente::broker
