#pragma once

#include "broker/bytes.h"
#include "broker/policies.h"
#include "broker/resources.h"
#include "broker/schema_revision.h"

// Snapshots, schemas and policies as the journal's records and the snapshot hold them
// (docs/formats/broker-records.md).
namespace afluente::broker {

void WriteTime(ByteWriter& writer, host::WallTime time);
host::WallTime ReadTime(ByteReader& reader);

void WriteSettings(ByteWriter& writer, const SnapshotSettings& settings);
SnapshotSettings ReadSnapshotSettings(ByteReader& reader);

void WriteRevision(ByteWriter& writer, const SchemaRevision& revision);
SchemaRevision ReadRevision(ByteReader& reader);

void WritePolicy(ByteWriter& writer, const Policy& policy);
Policy ReadPolicy(ByteReader& reader);

}  // namespace afluente::broker
