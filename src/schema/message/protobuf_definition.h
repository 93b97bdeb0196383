#pragma once

#include <memory>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace google::protobuf {
class Descriptor;
class DescriptorPool;
}  // namespace google::protobuf

namespace afluente::schema {

// Compiles `definition` into `pool` (empty before) and gives its one top-level message.
// INVALID_ARGUMENT with line, column and what is wrong.
absl::StatusOr<const google::protobuf::Descriptor*> CompileProtobuf(
    std::string_view definition, google::protobuf::DescriptorPool& pool);

// Whether `later` differs from `earlier` by optional fields that were added or removed only.
// INVALID_ARGUMENT names the field.
absl::Status CheckProtobufRevises(const google::protobuf::Descriptor& later,
                                  const google::protobuf::Descriptor& earlier);

}  // namespace afluente::schema
