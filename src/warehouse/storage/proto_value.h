#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "schema/type.h"
#include "schema/value.h"

namespace google::protobuf {
class FieldDescriptor;
class Message;
}  // namespace google::protobuf

namespace afluente::warehouse::storage {

// OK when a field's values can become `type`'s. INVALID_ARGUMENT says what cannot.
absl::Status CheckConversion(const google::protobuf::FieldDescriptor& field,
                             const schema::Type& type);

// The value of a field, NULL when it is not set. INVALID_ARGUMENT names the field.
absl::StatusOr<schema::Value> ReadField(const google::protobuf::Message& message,
                                        const google::protobuf::FieldDescriptor& field,
                                        const schema::Type& type);

}  // namespace afluente::warehouse::storage
