#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "broker/policies.h"
#include "broker/resources.h"
#include "broker/schema_revision.h"
#include "broker/snapshots.h"
#include "google/iam/v1/iam_policy.pb.h"
#include "google/pubsub/v1/pubsub.pb.h"
#include "google/pubsub/v1/schema.pb.h"

// Snapshots, schemas and policies <-> the broker's, as translate.h has it.
namespace afluente::broker::wire {

namespace pubsub = google::pubsub::v1;
namespace iam = google::iam::v1;

absl::StatusOr<SnapshotSettings> FromProto(const pubsub::CreateSnapshotRequest& request);
absl::Status ApplyUpdate(const pubsub::UpdateSnapshotRequest& request, SnapshotSettings& settings);
pubsub::Snapshot ToProto(const SnapshotSettings& settings);
absl::StatusOr<SeekTarget> FromProto(const pubsub::SeekRequest& request);

absl::StatusOr<SchemaRevision> FromProto(const pubsub::Schema& schema);
// The definition in the full view alone, which ToProto without a view gives.
pubsub::Schema ToProto(const SchemaRevision& revision, pubsub::SchemaView view);
pubsub::Schema ToProto(const SchemaRevision& revision);
absl::StatusOr<schema::MessageEncoding> FromProto(pubsub::Encoding encoding);

absl::StatusOr<Policy> FromProto(const iam::Policy& policy);
// As the asked version shows it: before 3 a binding with a condition has another role, and no
// condition. INVALID_ARGUMENT when there is no such version.
absl::StatusOr<iam::Policy> ToProto(const Policy& policy, int32_t version);

// Makes `onto` what the request's mask and policy say; its etag becomes the one that is expected.
absl::Status ApplyUpdate(const iam::SetIamPolicyRequest& request, Policy& onto);

}  // namespace afluente::broker::wire
