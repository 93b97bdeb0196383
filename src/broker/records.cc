#include "broker/records.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "broker/settings_codec.h"
#include "host/check.h"

namespace afluente::broker {
namespace {

// The publish head: version, kind, incarnation, publish time (of what moves messages their first
// sequence), count.
constexpr size_t kPublishTimeAt = 10;
constexpr size_t kPublishHeadBytes = 22;
// Between a dead letter's head and its message: subscription, sequence.
constexpr size_t kDeadLetterHeadBytes = 16;

absl::Status BadRecord(std::string_view why) {
  return absl::DataLossError(absl::StrCat("not a broker record: ", std::string(why)));
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

uint8_t KindOf(const Record& record) {
  return std::visit([](const auto& each) { return each.kKind; }, record);
}

void WritePublishHead(ByteWriter& writer, uint8_t kind, uint64_t incarnation, size_t count) {
  writer.Byte(kFormatVersion);
  writer.Byte(kind);
  writer.Fixed64(incarnation);
  writer.Fixed64(0);
  writer.Fixed32(static_cast<uint32_t>(count));
}

// A draft or a message.
template <typename Written>
void WriteMessage(ByteWriter& writer, const Written& message) {
  writer.String(message.data);
  writer.Varint(message.attributes.size());
  for (const auto& [key, value] : message.attributes) {
    writer.String(key);
    writer.String(value);
  }
  writer.String(message.ordering_key);
}

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
  void operator()(const FailuresRecord& r) {
    writer.Varint(r.subscription);
    WriteFailures(writer, r.counts);
  }
  void operator()(const DeadLetterRecord&) { AFLUENTE_CHECK(false); }
  void operator()(const KeyedPublishRecord&) { AFLUENTE_CHECK(false); }
  void operator()(const ForgetKeysRecord& r) { WriteKeys(writer, r.keys); }
  void operator()(const MovedRecord& r) {
    writer.Fixed64(r.incarnation);
    writer.Fixed64(r.first_sequence);
    writer.Fixed32(r.count);
    writer.Bytes(r.messages);
  }
  template <typename OfResource>
  void operator()(const OfResource& r) {
    WriteBody(writer, r);
  }
};

std::optional<Record> ReadBody(uint8_t version, uint8_t kind, ByteReader& reader) {
  switch (kind) {
    case CreateTopicRecord::kKind:
      return CreateTopicRecord{ReadTopicSettings(reader, version)};
    case UpdateTopicRecord::kKind:
      return UpdateTopicRecord{ReadTopicSettings(reader, version)};
    case DeleteTopicRecord::kKind:
      return DeleteTopicRecord{std::string(reader.String())};
    case ForgetKeysRecord::kKind:
      return ForgetKeysRecord{ReadKeys(reader)};
    case ForgetTopicRecord::kKind:
      return ForgetTopicRecord{reader.Varint()};
    case CreateSubscriptionRecord::kKind:
      return CreateSubscriptionRecord{ReadSubscriptionSettings(reader, version)};
    case UpdateSubscriptionRecord::kKind:
      return UpdateSubscriptionRecord{ReadSubscriptionSettings(reader, version)};
    case DeleteSubscriptionRecord::kKind:
      return DeleteSubscriptionRecord{std::string(reader.String())};
    case AcksRecord::kKind: {
      uint64_t subscription = reader.Varint();
      return AcksRecord{subscription, ReadRanges(reader)};
    }
    case ReleaseRecord::kKind:
      return ReleaseRecord{reader.Varint()};
    case FailuresRecord::kKind: {
      uint64_t subscription = reader.Varint();
      return FailuresRecord{subscription, ReadFailures(reader)};
    }
  }
  if (std::optional<ResourceRecord> record = ReadResourceRecord(kind, reader))
    return std::visit([](auto& each) { return Record(std::move(each)); }, *record);
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

MovedRecord ReadMovedHead(ByteReader& reader) {
  MovedRecord record;
  record.incarnation = reader.Fixed64();
  record.first_sequence = reader.Fixed64();
  record.count = reader.Fixed32();
  if (record.first_sequence == 0 || record.first_sequence > kSequenceMax || record.count == 0 ||
      record.count > reader.rest().size()) {
    reader.Fail();
  }
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

const std::string* ChangedSubscription(const Record& record) {
  if (const auto* created = std::get_if<CreateSubscriptionRecord>(&record))
    return &created->settings.name;
  if (const auto* updated = std::get_if<UpdateSubscriptionRecord>(&record))
    return &updated->settings.name;
  if (const auto* deleted = std::get_if<DeleteSubscriptionRecord>(&record)) return &deleted->name;
  if (const auto* detached = std::get_if<DetachSubscriptionRecord>(&record)) return &detached->name;
  return nullptr;
}

std::string Encode(const Record& record) {
  ByteWriter writer(64);
  writer.Byte(kFormatVersion);
  writer.Byte(KindOf(record));
  std::visit(BodyWriter{writer}, record);
  return writer.Take();
}

void WriteFailures(ByteWriter& writer, const std::vector<FailureCount>& counts) {
  writer.Varint(counts.size());
  uint64_t before = 0;
  for (auto [sequence, failures] : counts) {
    writer.Varint(sequence - before);
    writer.Varint(failures);
    before = sequence;
  }
}

std::vector<FailureCount> ReadFailures(ByteReader& reader) {
  std::vector<FailureCount> counts;
  size_t count = reader.Count();
  counts.reserve(count);
  uint64_t sequence = 0;
  for (size_t i = 0; i < count; ++i) {
    uint64_t gap = reader.Varint();
    uint64_t failures = reader.Varint();
    if (!reader.ok() || gap == 0 || gap > kSequenceMax - sequence || failures == 0 ||
        failures > UINT32_MAX) {
      reader.Fail();
      return {};
    }
    sequence += gap;
    counts.emplace_back(sequence, static_cast<uint32_t>(failures));
  }
  return counts;
}

std::string EncodePublish(uint64_t incarnation, const std::vector<event::Draft>& drafts) {
  ByteWriter writer(SizeBound(drafts));
  WritePublishHead(writer, PublishRecord::kKind, incarnation, drafts.size());
  for (const event::Draft& draft : drafts) WriteMessage(writer, draft);
  return writer.Take();
}

std::string EncodeDeadLetter(uint64_t incarnation, uint64_t subscription, uint64_t sequence,
                             const event::Draft& draft) {
  ByteWriter writer(draft.data.size() + 256);
  WritePublishHead(writer, DeadLetterRecord::kKind, incarnation, 1);
  writer.Fixed64(subscription);
  writer.Fixed64(sequence);
  WriteMessage(writer, draft);
  return writer.Take();
}

std::string EncodeKeyedPublish(uint64_t incarnation, std::string_view key,
                               const event::Draft& draft) {
  ByteWriter writer(draft.data.size() + key.size() + 256);
  WritePublishHead(writer, KeyedPublishRecord::kKind, incarnation, 1);
  writer.String(key);
  WriteMessage(writer, draft);
  return writer.Take();
}

void WriteKeys(ByteWriter& writer, const std::vector<std::string>& keys) {
  writer.Varint(keys.size());
  for (const std::string& key : keys) writer.String(key);
}

std::vector<std::string> ReadKeys(ByteReader& reader) {
  std::vector<std::string> keys;
  const size_t count = reader.Count();
  for (size_t i = 0; i < count && reader.ok(); ++i) keys.emplace_back(reader.String());
  return keys;
}

void SetPublishTime(std::string& payload, host::WallTime publish_time) {
  AFLUENTE_CHECK(payload.size() >= kPublishHeadBytes);
  PutFixed64(static_cast<uint64_t>(publish_time.time_since_epoch().count()),
             payload.data() + kPublishTimeAt);
}

absl::StatusOr<Record> Decode(std::string_view payload) {
  ByteReader reader(payload);
  uint8_t version = reader.Byte();
  uint8_t kind = reader.Byte();
  if (!reader.ok()) return BadRecord("too short");
  if (version == 0 || version > kFormatVersion) return BadRecord(absl::StrCat("version ", version));
  if (kind == PublishRecord::kKind) {
    PublishRecord record = ReadPublishHead(reader);
    if (!reader.ok() || record.count == 0 || record.count > reader.rest().size())
      return BadRecord("a publish's head");
    return record;
  }
  if (kind == DeadLetterRecord::kKind) {
    DeadLetterRecord record;
    record.publish = ReadPublishHead(reader);
    record.subscription = reader.Fixed64();
    record.sequence = reader.Fixed64();
    if (!reader.ok() || record.publish.count != 1 || record.sequence == 0 || reader.rest().empty())
      return BadRecord("a dead letter's head");
    return record;
  }
  if (kind == KeyedPublishRecord::kKind) {
    KeyedPublishRecord record;
    record.publish = ReadPublishHead(reader);
    record.key = reader.String();
    if (!reader.ok() || record.publish.count != 1 || reader.rest().empty())
      return BadRecord("a keyed publish's head");
    return record;
  }
  if (kind == MovedRecord::kKind) {
    MovedRecord record = ReadMovedHead(reader);
    if (!reader.ok()) return BadRecord("the head of what moves messages");
    return record;
  }
  std::optional<Record> record = ReadBody(version, kind, reader);
  if (!record) return BadRecord(absl::StrCat("kind ", int{kind}));
  if (!reader.done()) return BadRecord(absl::StrCat("body of kind ", int{kind}));
  return *std::move(record);
}

bool IsPublishTo(uint64_t incarnation, std::string_view payload) {
  if (payload.size() < kPublishHeadBytes) return false;
  const auto kind = static_cast<uint8_t>(payload[1]);
  if (kind != PublishRecord::kKind && kind != DeadLetterRecord::kKind &&
      kind != KeyedPublishRecord::kKind) {
    return false;
  }
  return ByteReader(payload.substr(2)).Fixed64() == incarnation;
}

void AddMoved(const event::Message& message, MovedRecord& record) {
  ByteWriter writer(SizeOf(message) + 64);
  writer.Fixed64(static_cast<uint64_t>(message.publish_time.time_since_epoch().count()));
  WriteMessage(writer, message);
  record.messages += writer.Take();
  ++record.count;
}

bool IsMoveOf(uint64_t incarnation, std::string_view payload) {
  return payload.size() >= kPublishHeadBytes &&
         static_cast<uint8_t>(payload[1]) == MovedRecord::kKind &&
         ByteReader(payload.substr(2)).Fixed64() == incarnation;
}

absl::Status DecodeMoved(std::string_view payload, Batch& batch) {
  AFLUENTE_ASSIGN_OR_RETURN(Record record, Decode(payload));
  const auto* head = std::get_if<MovedRecord>(&record);
  if (head == nullptr) return BadRecord("moved messages were expected");
  ByteReader reader(payload.substr(kPublishHeadBytes));
  batch.messages.reserve(std::min<size_t>(head->count, 1000));
  for (uint32_t i = 0; i < head->count && reader.ok(); ++i) {
    batch.publish_time =
        host::WallTime(std::chrono::microseconds(static_cast<int64_t>(reader.Fixed64())));
    event::Message& message = batch.messages.emplace_back(ReadMessage(reader));
    message.publish_time = batch.publish_time;
    batch.memory_bytes += SizeOf(message) + sizeof(event::Message);
  }
  batch.Number(head->incarnation, head->first_sequence);
  return reader.done() ? absl::OkStatus() : BadRecord("moved messages");
}

absl::Status DecodePublish(std::string_view payload, Batch& batch) {
  AFLUENTE_ASSIGN_OR_RETURN(Record record, Decode(payload));
  const auto* head = std::get_if<PublishRecord>(&record);
  size_t head_bytes = kPublishHeadBytes;
  if (const auto* dead = std::get_if<DeadLetterRecord>(&record)) {
    head = &dead->publish;
    head_bytes += kDeadLetterHeadBytes;
  }
  const auto* keyed = std::get_if<KeyedPublishRecord>(&record);
  if (keyed != nullptr) head = &keyed->publish;
  if (head == nullptr) return BadRecord("a publish was expected");
  ByteReader reader(payload.substr(head_bytes));
  if (keyed != nullptr) reader.String();
  batch.publish_time = head->publish_time;
  if (batch.messages.empty()) batch.messages.reserve(std::min<size_t>(head->count, 1000));
  for (uint32_t i = 0; i < head->count && reader.ok(); ++i) {
    event::Message& message = batch.messages.emplace_back(ReadMessage(reader));
    message.publish_time = head->publish_time;
    batch.memory_bytes += SizeOf(message) + sizeof(event::Message);
  }
  return reader.done() ? absl::OkStatus() : BadRecord("a publish's messages");
}

}  // namespace afluente::broker
