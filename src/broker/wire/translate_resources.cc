#include "broker/wire/translate_resources.h"

#include <chrono>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "broker/wire/fields.h"
#include "google/protobuf/timestamp.pb.h"
#include "host/check.h"

namespace afluente::broker::wire {
namespace {

using pubsub::CreateSnapshotRequest;
using pubsub::Snapshot;
using std::chrono::microseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr int kCreateSnapshotSupported[] = {CreateSnapshotRequest::kNameFieldNumber,
                                            CreateSnapshotRequest::kSubscriptionFieldNumber,
                                            CreateSnapshotRequest::kLabelsFieldNumber};
constexpr int kSnapshotSupported[] = {Snapshot::kNameFieldNumber, Snapshot::kTopicFieldNumber,
                                      Snapshot::kExpireTimeFieldNumber,
                                      Snapshot::kLabelsFieldNumber};
constexpr int kSnapshotChangeable[] = {Snapshot::kExpireTimeFieldNumber,
                                       Snapshot::kLabelsFieldNumber};
constexpr int kPolicySupported[] = {iam::Policy::kVersionFieldNumber,
                                    iam::Policy::kBindingsFieldNumber,
                                    iam::Policy::kEtagFieldNumber};
constexpr FieldRules kPolicyRules = {kPolicySupported, kPolicySupported};

// What Timestamp holds: the years 1 to 9999.
constexpr int64_t kSecondsMin = -62'135'596'800;
constexpr int64_t kSecondsMax = 253'402'300'799;

// Rounded up: publish times are whole microseconds, and what is before the time must stay so.
absl::StatusOr<host::WallTime> ToWallTime(const google::protobuf::Timestamp& time,
                                          const char* field) {
  if (time.seconds() < kSecondsMin || time.seconds() > kSecondsMax || time.nanos() < 0 ||
      time.nanos() > 999'999'999)
    return absl::InvalidArgumentError(absl::StrCat(field, " is not a valid Timestamp."));
  return host::WallTime(seconds(time.seconds()) +
                        std::chrono::ceil<microseconds>(nanoseconds(time.nanos())));
}

void SetTimestamp(host::WallTime time, google::protobuf::Timestamp& to) {
  const auto whole = std::chrono::floor<seconds>(time.time_since_epoch());
  to.set_seconds(whole.count());
  to.set_nanos(static_cast<int32_t>(nanoseconds(time.time_since_epoch() - whole).count()));
}

// One word for a condition, the same in every process (FNV-1a).
std::string HashOf(const Policy::Condition& condition) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const std::string* text :
       {&condition.expression, &condition.title, &condition.description}) {
    for (char c : *text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    hash *= 0x100000001b3;  // so that the texts' borders count
  }
  return absl::StrCat(absl::Hex(hash, absl::kZeroPad20));
}

bool IsConditional(const Policy::Binding& binding) { return !binding.condition.expression.empty(); }

}  // namespace

absl::StatusOr<SnapshotSettings> FromProto(const CreateSnapshotRequest& request) {
  AFLUENTE_RETURN_IF_ERROR(RefuseUnsupported(request, {kCreateSnapshotSupported, {}}));
  SnapshotSettings settings;
  settings.name = request.name();
  settings.labels = {request.labels().begin(), request.labels().end()};
  return settings;
}

absl::Status ApplyUpdate(const pubsub::UpdateSnapshotRequest& request, SnapshotSettings& settings) {
  AFLUENTE_ASSIGN_OR_RETURN(auto paths, MaskedPaths(request.update_mask(), *Snapshot::descriptor(),
                                                    {kSnapshotSupported, kSnapshotChangeable}));
  Snapshot changed = ToProto(settings);
  for (const FieldPath& path : paths) CopyPath(request.snapshot(), path, changed);
  settings.labels = {changed.labels().begin(), changed.labels().end()};
  AFLUENTE_ASSIGN_OR_RETURN(settings.expire_time,
                            ToWallTime(changed.expire_time(), "snapshot.expire_time"));
  return absl::OkStatus();
}

Snapshot ToProto(const SnapshotSettings& settings) {
  Snapshot snapshot;
  snapshot.set_name(settings.name);
  snapshot.set_topic(settings.topic);
  SetTimestamp(settings.expire_time, *snapshot.mutable_expire_time());
  for (const auto& [key, value] : settings.labels) (*snapshot.mutable_labels())[key] = value;
  return snapshot;
}

absl::StatusOr<SeekTarget> FromProto(const pubsub::SeekRequest& request) {
  switch (request.target_case()) {
    case pubsub::SeekRequest::kTime: {
      AFLUENTE_ASSIGN_OR_RETURN(host::WallTime time, ToWallTime(request.time(), "time"));
      return time;
    }
    case pubsub::SeekRequest::kSnapshot:
      return request.snapshot();
    default:
      return absl::InvalidArgumentError("A seek must have a target: time or snapshot.");
  }
}

absl::StatusOr<SchemaRevision> FromProto(const pubsub::Schema& schema) {
  SchemaRevision revision;
  revision.name = schema.name();
  revision.definition = schema.definition();
  switch (schema.type()) {
    case pubsub::Schema::AVRO:
      revision.language = schema::SchemaLanguage::kAvro;
      return revision;
    case pubsub::Schema::PROTOCOL_BUFFER:
      revision.language = schema::SchemaLanguage::kProtobuf;
      return revision;
    default:
      return absl::InvalidArgumentError("schema.type must be AVRO or PROTOCOL_BUFFER.");
  }
}

pubsub::Schema ToProto(const SchemaRevision& revision, pubsub::SchemaView view) {
  pubsub::Schema schema;
  schema.set_name(revision.name);
  schema.set_type(revision.language == schema::SchemaLanguage::kAvro
                      ? pubsub::Schema::AVRO
                      : pubsub::Schema::PROTOCOL_BUFFER);
  if (view == pubsub::FULL) schema.set_definition(revision.definition);
  schema.set_revision_id(revision.revision_id);
  SetTimestamp(revision.revision_create_time, *schema.mutable_revision_create_time());
  return schema;
}

pubsub::Schema ToProto(const SchemaRevision& revision) { return ToProto(revision, pubsub::FULL); }

absl::StatusOr<schema::MessageEncoding> FromProto(pubsub::Encoding encoding) {
  if (encoding == pubsub::JSON) return schema::MessageEncoding::kJson;
  if (encoding == pubsub::BINARY) return schema::MessageEncoding::kBinary;
  return absl::InvalidArgumentError("encoding must be JSON or BINARY.");
}

absl::StatusOr<Policy> FromProto(const iam::Policy& from) {
  AFLUENTE_RETURN_IF_ERROR(RefuseUnsupported(from, kPolicyRules));
  Policy policy;
  policy.version = from.version();
  policy.etag = from.etag();
  for (const iam::Binding& each : from.bindings()) {
    Policy::Binding& binding = policy.bindings.emplace_back();
    binding.role = each.role();
    binding.members = {each.members().begin(), each.members().end()};
    binding.condition = {each.condition().expression(), each.condition().title(),
                         each.condition().description(), each.condition().location()};
  }
  return policy;
}

absl::StatusOr<iam::Policy> ToProto(const Policy& policy, int32_t version) {
  if (version != 0 && version != 1 && version != 3) {
    return absl::InvalidArgumentError(
        absl::StrCat("Invalid policy version ", version, ": expected 0, 1 or 3."));
  }
  iam::Policy to;
  to.set_version(version == 3 ? policy.version : std::min(policy.version, 1));
  to.set_etag(policy.etag);
  for (const Policy::Binding& each : policy.bindings) {
    iam::Binding& binding = *to.add_bindings();
    binding.set_role(each.role);
    for (const std::string& member : each.members) binding.add_members(member);
    if (!IsConditional(each)) continue;
    if (version != 3) {
      binding.set_role(absl::StrCat(each.role, "_withcond_", HashOf(each.condition)));
      continue;
    }
    binding.mutable_condition()->set_expression(each.condition.expression);
    binding.mutable_condition()->set_title(each.condition.title);
    binding.mutable_condition()->set_description(each.condition.description);
    binding.mutable_condition()->set_location(each.condition.location);
  }
  return to;
}

absl::Status ApplyUpdate(const iam::SetIamPolicyRequest& request, Policy& onto) {
  google::protobuf::FieldMask mask = request.update_mask();
  if (mask.paths().empty()) {
    mask.add_paths("bindings");
    mask.add_paths("etag");
  }
  AFLUENTE_ASSIGN_OR_RETURN(auto paths,
                            MaskedPaths(mask, *iam::Policy::descriptor(), kPolicyRules));
  AFLUENTE_ASSIGN_OR_RETURN(Policy asked, FromProto(request.policy()));
  onto.etag.clear();
  for (const FieldPath& path : paths) {
    if (path.front()->number() == iam::Policy::kBindingsFieldNumber) {
      onto.bindings = asked.bindings;
      onto.version = asked.version;
    } else if (path.front()->number() == iam::Policy::kEtagFieldNumber) {
      onto.etag = asked.etag;
    }
  }
  return absl::OkStatus();
}

}  // namespace afluente::broker::wire
