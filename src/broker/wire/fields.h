#pragma once

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/field_mask.pb.h"
#include "google/protobuf/message.h"

namespace afluente::broker::wire {

// Which fields of a resource Afluente keeps (by number), and which of them an update may change.
struct FieldRules {
  absl::Span<const int> supported;
  absl::Span<const int> changeable;
};

// UNIMPLEMENTED naming the first set field that is not supported, so that no setting is taken and
// then ignored. Output-only fields are skipped, as Google skips them.
absl::Status RefuseUnsupported(const google::protobuf::Message& resource, const FieldRules& rules);

// The fields that `mask` names. INVALID_ARGUMENT for an empty mask, an unknown path, or a field
// that cannot change; UNIMPLEMENTED for one that is not supported.
absl::StatusOr<std::vector<const google::protobuf::FieldDescriptor*>> MaskedFields(
    const google::protobuf::FieldMask& mask, const google::protobuf::Descriptor& resource,
    const FieldRules& rules);

}  // namespace afluente::broker::wire
