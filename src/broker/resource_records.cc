#include "broker/resource_records.h"

#include <utility>

#include "broker/resource_codec.h"
#include "broker/settings_codec.h"

namespace afluente::broker {

void WriteBody(ByteWriter& writer, const CreateSnapshotRecord& record) {
  writer.String(record.name);
  writer.String(record.subscription);
  WriteLabels(writer, record.labels);
  WriteTime(writer, record.time);
}

void WriteBody(ByteWriter& writer, const UpdateSnapshotRecord& record) {
  writer.String(record.name);
  WriteLabels(writer, record.labels);
  WriteTime(writer, record.expire_time);
}

void WriteBody(ByteWriter& writer, const DeleteSnapshotRecord& record) {
  writer.String(record.name);
}

void WriteBody(ByteWriter& writer, const SeekToTimeRecord& record) {
  writer.Varint(record.subscription);
  WriteTime(writer, record.time);
  writer.Varint(record.generation);
  writer.Varint(record.first_unacked);
}

void WriteBody(ByteWriter& writer, const SeekToSnapshotRecord& record) {
  writer.Varint(record.subscription);
  WriteTime(writer, record.time);
  writer.Varint(record.generation);
  writer.String(record.snapshot);
}

void WriteBody(ByteWriter& writer, const DetachSubscriptionRecord& record) {
  writer.String(record.name);
}

void WriteBody(ByteWriter& writer, const CreateSchemaRecord& record) {
  WriteRevision(writer, record.revision);
}

void WriteBody(ByteWriter& writer, const CommitSchemaRecord& record) {
  WriteRevision(writer, record.revision);
}

void WriteBody(ByteWriter& writer, const DeleteSchemaRevisionRecord& record) {
  writer.String(record.name);
  writer.String(record.revision_id);
}

void WriteBody(ByteWriter& writer, const DeleteSchemaRecord& record) { writer.String(record.name); }

void WriteBody(ByteWriter& writer, const SetPolicyRecord& record) {
  writer.String(record.resource);
  writer.String(record.expected_etag);
  WritePolicy(writer, record.policy);
}

namespace {

// The fields of each in the order of its WriteBody; braced lists are evaluated in their order.
std::string ReadString(ByteReader& reader) { return std::string(reader.String()); }

}  // namespace

std::optional<ResourceRecord> ReadResourceRecord(uint8_t kind, ByteReader& reader) {
  switch (kind) {
    case CreateSnapshotRecord::kKind:
      return CreateSnapshotRecord{ReadString(reader), ReadString(reader), ReadLabels(reader),
                                  ReadTime(reader)};
    case UpdateSnapshotRecord::kKind:
      return UpdateSnapshotRecord{ReadString(reader), ReadLabels(reader), ReadTime(reader)};
    case DeleteSnapshotRecord::kKind:
      return DeleteSnapshotRecord{ReadString(reader)};
    case SeekToTimeRecord::kKind:
      return SeekToTimeRecord{reader.Varint(), ReadTime(reader), reader.Varint(), reader.Varint()};
    case SeekToSnapshotRecord::kKind:
      return SeekToSnapshotRecord{reader.Varint(), ReadTime(reader), reader.Varint(),
                                  ReadString(reader)};
    case DetachSubscriptionRecord::kKind:
      return DetachSubscriptionRecord{ReadString(reader)};
    case CreateSchemaRecord::kKind:
      return CreateSchemaRecord{ReadRevision(reader)};
    case CommitSchemaRecord::kKind:
      return CommitSchemaRecord{ReadRevision(reader)};
    case DeleteSchemaRevisionRecord::kKind:
      return DeleteSchemaRevisionRecord{ReadString(reader), ReadString(reader)};
    case DeleteSchemaRecord::kKind:
      return DeleteSchemaRecord{ReadString(reader)};
    case SetPolicyRecord::kKind:
      return SetPolicyRecord{ReadString(reader), ReadString(reader), ReadPolicy(reader)};
  }
  return std::nullopt;
}

}  // namespace afluente::broker
