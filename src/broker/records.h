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

using Record =
    std::variant<PublishRecord, CreateTopicRecord, UpdateTopicRecord, DeleteTopicRecord,
                 ForgetTopicRecord, CreateSubscriptionRecord, UpdateSubscriptionRecord,
                 DeleteSubscriptionRecord, AcksRecord, ReleaseRecord, CreateSnapshotRecord,
                 UpdateSnapshotRecord, DeleteSnapshotRecord, SeekToTimeRecord, SeekToSnapshotRecord,
                 DetachSubscriptionRecord, CreateSchemaRecord, CommitSchemaRecord,
                 DeleteSchemaRevisionRecord, DeleteSchemaRecord, SetPolicyRecord>;

// Every record but a publish.
std::string Encode(const Record& record);

// A publish record of the messages' bytes; its publish time is set last, by SetPublishTime.
std::string EncodePublish(uint64_t incarnation, const std::vector<event::Draft>& drafts);
void SetPublishTime(std::string& payload, host::WallTime publish_time);

// Of a publish, the head alone. DATA_LOSS when the bytes are not a record.
absl::StatusOr<Record> Decode(std::string_view payload);
// A publish record's messages, the first of which has `first_sequence`. DATA_LOSS as above.
absl::StatusOr<SharedBatch> DecodeBatch(std::string_view payload, uint64_t first_sequence);

// Shared with the snapshot's format.
void WriteRanges(ByteWriter& writer, const std::vector<SequenceSet::Range>& ranges);
// Ascending and disjoint, or the reader fails.
std::vector<SequenceSet::Range> ReadRanges(ByteReader& reader);

}  // namespace afluente::broker
