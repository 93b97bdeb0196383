#include "broker/resource_codec.h"

#include <utility>

#include "broker/settings_codec.h"

namespace afluente::broker {

void WriteTime(ByteWriter& writer, host::WallTime time) {
  writer.Fixed64(static_cast<uint64_t>(time.time_since_epoch().count()));
}

host::WallTime ReadTime(ByteReader& reader) {
  return host::WallTime(std::chrono::microseconds(static_cast<int64_t>(reader.Fixed64())));
}

void WriteSettings(ByteWriter& writer, const SnapshotSettings& settings) {
  writer.String(settings.name);
  writer.String(settings.topic);
  WriteLabels(writer, settings.labels);
  WriteTime(writer, settings.expire_time);
}

SnapshotSettings ReadSnapshotSettings(ByteReader& reader) {
  SnapshotSettings settings;
  settings.name = std::string(reader.String());
  settings.topic = std::string(reader.String());
  settings.labels = ReadLabels(reader);
  settings.expire_time = ReadTime(reader);
  return settings;
}

void WriteRevision(ByteWriter& writer, const SchemaRevision& revision) {
  writer.String(revision.name);
  writer.Byte(revision.language == schema::SchemaLanguage::kProtobuf ? 1 : 0);
  writer.String(revision.definition);
  writer.String(revision.revision_id);
  WriteTime(writer, revision.revision_create_time);
}

SchemaRevision ReadRevision(ByteReader& reader) {
  SchemaRevision revision;
  revision.name = std::string(reader.String());
  uint8_t language = reader.Byte();
  if (language > 1) reader.Fail();
  revision.language =
      language == 1 ? schema::SchemaLanguage::kProtobuf : schema::SchemaLanguage::kAvro;
  revision.definition = std::string(reader.String());
  revision.revision_id = std::string(reader.String());
  revision.revision_create_time = ReadTime(reader);
  return revision;
}

void WritePolicy(ByteWriter& writer, const Policy& policy) {
  writer.Varint(static_cast<uint64_t>(policy.version));
  writer.String(policy.etag);
  writer.Varint(policy.bindings.size());
  for (const Policy::Binding& binding : policy.bindings) {
    writer.String(binding.role);
    writer.Varint(binding.members.size());
    for (const std::string& member : binding.members) writer.String(member);
    writer.String(binding.condition.expression);
    writer.String(binding.condition.title);
    writer.String(binding.condition.description);
    writer.String(binding.condition.location);
  }
}

Policy ReadPolicy(ByteReader& reader) {
  Policy policy;
  uint64_t version = reader.Varint();
  if (version > 3) reader.Fail();
  policy.version = static_cast<int32_t>(version & 3);
  policy.etag = std::string(reader.String());
  size_t bindings = reader.Count();
  for (size_t i = 0; i < bindings && reader.ok(); ++i) {
    Policy::Binding& binding = policy.bindings.emplace_back();
    binding.role = std::string(reader.String());
    size_t members = reader.Count();
    for (size_t k = 0; k < members && reader.ok(); ++k)
      binding.members.emplace_back(reader.String());
    binding.condition.expression = std::string(reader.String());
    binding.condition.title = std::string(reader.String());
    binding.condition.description = std::string(reader.String());
    binding.condition.location = std::string(reader.String());
  }
  return policy;
}

}  // namespace afluente::broker
