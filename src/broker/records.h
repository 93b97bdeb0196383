#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "broker/batch.h"
#include "broker/bytes.h"
#include "broker/resource_records.h"
#include "broker/resources.h"
#include "broker/retry_table.h"
#include "broker/sequence_set.h"

namespace afluente::broker {

// The journal's records (format: docs/formats/broker-records.md). Each says what was asked; what it
// does is decided by State::Apply, the same way live and in recovery. kKind is its number there.
struct PublishRecord {
  static constexpr uint8_t kKind = 1;
  uint64_t incarnation = 0;
  host::WallTime publish_time;
  uint32_t count = 0;
};
struct CreateTopicRecord {
  static constexpr uint8_t kKind = 2;
  TopicSettings settings;
};
struct UpdateTopicRecord {
  static constexpr uint8_t kKind = 3;
  TopicSettings settings;
};
struct DeleteTopicRecord {
  static constexpr uint8_t kKind = 4;
  std::string name;
};
// A deleted topic that nobody reads any more goes for good.
struct ForgetTopicRecord {
  static constexpr uint8_t kKind = 5;
  uint64_t incarnation = 0;
};
struct CreateSubscriptionRecord {
  static constexpr uint8_t kKind = 6;
  SubscriptionSettings settings;
};
struct UpdateSubscriptionRecord {
  static constexpr uint8_t kKind = 7;
  SubscriptionSettings settings;
};
struct DeleteSubscriptionRecord {
  static constexpr uint8_t kKind = 8;
  std::string name;
};
struct AcksRecord {
  static constexpr uint8_t kKind = 9;
  uint64_t subscription = 0;  // its incarnation
  std::vector<SequenceSet::Range> ranges;
};
// Messages in segments below `segment` are needed by nobody and may go.
struct ReleaseRecord {
  static constexpr uint8_t kKind = 10;
  uint64_t segment = 0;
};
// How many deliveries of messages failed so far.
struct FailuresRecord {
  static constexpr uint8_t kKind = 11;
  uint64_t subscription = 0;
  std::vector<FailureCount> counts;  // ascending sequences
};
// A publish of one message to a dead-letter topic that also acks it where it failed: both or, when
// it is acked already or either is gone, none.
struct DeadLetterRecord {
  static constexpr uint8_t kKind = 12;
  PublishRecord publish;
  uint64_t subscription = 0;  // where it failed
  uint64_t sequence = 0;      // there
};
// A publish of one message that happens once for its key, until that is forgotten.
struct KeyedPublishRecord {
  static constexpr uint8_t kKind = 13;
  PublishRecord publish;
  std::string key;
};
struct ForgetKeysRecord {
  static constexpr uint8_t kKind = 14;
  std::vector<std::string> keys;
};
// Retained messages of a topic once more, so that the segment where they lie can go.
struct MovedRecord {
  static constexpr uint8_t kKind = 15;
  uint64_t incarnation = 0;
  uint64_t first_sequence = 0;
  uint32_t count = 0;
  std::string messages;  // as AddMoved writes them; empty when decoded
};

using Record = std::variant<
    PublishRecord, CreateTopicRecord, UpdateTopicRecord, DeleteTopicRecord, ForgetTopicRecord,
    CreateSubscriptionRecord, UpdateSubscriptionRecord, DeleteSubscriptionRecord, AcksRecord,
    ReleaseRecord, FailuresRecord, DeadLetterRecord, KeyedPublishRecord, ForgetKeysRecord,
    MovedRecord, CreateSnapshotRecord, UpdateSnapshotRecord, DeleteSnapshotRecord, SeekToTimeRecord,
    SeekToSnapshotRecord, DetachSubscriptionRecord, CreateSchemaRecord, CommitSchemaRecord,
    DeleteSchemaRevisionRecord, DeleteSchemaRecord, SetPolicyRecord>;

// The subscription whose settings the record changes (or makes, or ends), null for another record.
const std::string* ChangedSubscription(const Record& record);

// Adds a message to what a record moves.
void AddMoved(const event::Message& message, MovedRecord& record);

// Every record but those that publish.
std::string Encode(const Record& record);

// A publish record of the messages' bytes; its publish time is set last, by SetPublishTime.
std::string EncodePublish(uint64_t incarnation, const std::vector<event::Draft>& drafts);
// The same, of one message that failed as `sequence` of `subscription`.
std::string EncodeDeadLetter(uint64_t incarnation, uint64_t subscription, uint64_t sequence,
                             const event::Draft& draft);
// The same, of one message under a key.
std::string EncodeKeyedPublish(uint64_t incarnation, std::string_view key,
                               const event::Draft& draft);
void SetPublishTime(std::string& payload, host::WallTime publish_time);

// Of a publish and of what moves messages, the head alone. DATA_LOSS when the bytes are not a
// record.
absl::StatusOr<Record> Decode(std::string_view payload);
// Whether a record is a publish to that incarnation of a topic, a dead letter's or keyed one too;
// looks at no more than its head.
bool IsPublishTo(uint64_t incarnation, std::string_view payload);
// Adds the messages of a record that publishes, not numbered yet. DATA_LOSS as above.
absl::Status DecodePublish(std::string_view payload, Batch& batch);
// Whether a record moves messages of that incarnation; looks at no more than its head.
bool IsMoveOf(uint64_t incarnation, std::string_view payload);
// Its messages, numbered, into an empty batch. DATA_LOSS as above.
absl::Status DecodeMoved(std::string_view payload, Batch& batch);

// Shared with the snapshot's format.
void WriteRanges(ByteWriter& writer, const std::vector<SequenceSet::Range>& ranges);
// Ascending and disjoint, or the reader fails.
std::vector<SequenceSet::Range> ReadRanges(ByteReader& reader);

void WriteKeys(ByteWriter& writer, const std::vector<std::string>& keys);
std::vector<std::string> ReadKeys(ByteReader& reader);

void WriteFailures(ByteWriter& writer, const std::vector<FailureCount>& counts);
std::vector<FailureCount> ReadFailures(ByteReader& reader);

}  // namespace afluente::broker
