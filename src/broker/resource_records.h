#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>

#include "broker/bytes.h"
#include "broker/policies.h"
#include "broker/resources.h"
#include "broker/schema_revision.h"

namespace afluente::broker {

// The journal's records of snapshots, seeks, schemas and policies; see records.h. Where time or
// chance has a say, the record holds what its author saw, so that recovery decides as it was
// decided.
struct CreateSnapshotRecord {
  static constexpr uint8_t kKind = 20;
  std::string name;
  std::string subscription;
  std::map<std::string, std::string> labels;
  host::WallTime time;
};
struct UpdateSnapshotRecord {
  static constexpr uint8_t kKind = 21;
  std::string name;
  std::map<std::string, std::string> labels;
  host::WallTime expire_time;
};
struct DeleteSnapshotRecord {
  static constexpr uint8_t kKind = 22;
  std::string name;
};
struct SeekToTimeRecord {
  static constexpr uint8_t kKind = 23;
  uint64_t subscription = 0;  // its incarnation
  host::WallTime time;        // of the request
  uint64_t generation = 0;    // deliveries up to it end
  // The first message published at or after the target; 0 = what is there was published before it.
  uint64_t first_unacked = 0;
};
struct SeekToSnapshotRecord {
  static constexpr uint8_t kKind = 24;
  uint64_t subscription = 0;
  host::WallTime time;
  uint64_t generation = 0;
  std::string snapshot;
};
struct DetachSubscriptionRecord {
  static constexpr uint8_t kKind = 25;
  std::string name;
};
struct CreateSchemaRecord {
  static constexpr uint8_t kKind = 26;
  SchemaRevision revision;
};
struct CommitSchemaRecord {
  static constexpr uint8_t kKind = 27;
  SchemaRevision revision;
};
struct DeleteSchemaRevisionRecord {
  static constexpr uint8_t kKind = 28;
  std::string name;
  std::string revision_id;
};
struct DeleteSchemaRecord {
  static constexpr uint8_t kKind = 29;
  std::string name;
};
struct SetPolicyRecord {
  static constexpr uint8_t kKind = 30;
  std::string resource;
  std::string expected_etag;  // empty = whichever
  Policy policy;
};

using ResourceRecord =
    std::variant<CreateSnapshotRecord, UpdateSnapshotRecord, DeleteSnapshotRecord, SeekToTimeRecord,
                 SeekToSnapshotRecord, DetachSubscriptionRecord, CreateSchemaRecord,
                 CommitSchemaRecord, DeleteSchemaRevisionRecord, DeleteSchemaRecord,
                 SetPolicyRecord>;

void WriteBody(ByteWriter& writer, const CreateSnapshotRecord& record);
void WriteBody(ByteWriter& writer, const UpdateSnapshotRecord& record);
void WriteBody(ByteWriter& writer, const DeleteSnapshotRecord& record);
void WriteBody(ByteWriter& writer, const SeekToTimeRecord& record);
void WriteBody(ByteWriter& writer, const SeekToSnapshotRecord& record);
void WriteBody(ByteWriter& writer, const DetachSubscriptionRecord& record);
void WriteBody(ByteWriter& writer, const CreateSchemaRecord& record);
void WriteBody(ByteWriter& writer, const CommitSchemaRecord& record);
void WriteBody(ByteWriter& writer, const DeleteSchemaRevisionRecord& record);
void WriteBody(ByteWriter& writer, const DeleteSchemaRecord& record);
void WriteBody(ByteWriter& writer, const SetPolicyRecord& record);

// Nothing when `kind` is none of these.
std::optional<ResourceRecord> ReadResourceRecord(uint8_t kind, ByteReader& reader);

}  // namespace afluente::broker
