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

// A field within a resource: its own, or one of the messages in it.
using FieldPath = std::vector<const google::protobuf::FieldDescriptor*>;

// What `mask` names, as "labels" or "push_config.push_endpoint". INVALID_ARGUMENT for an empty
// mask, an unknown path, or a field that cannot change; UNIMPLEMENTED for one that is not
// supported.
absl::StatusOr<std::vector<FieldPath>> MaskedPaths(const google::protobuf::FieldMask& mask,
                                                   const google::protobuf::Descriptor& resource,
                                                   const FieldRules& rules);

// Makes the field at `path` in `to` what it is in `from`, which is of the same type: unset too.
void CopyPath(const google::protobuf::Message& from, const FieldPath& path,
              google::protobuf::Message& to);

}  // namespace afluente::broker::wire
