#pragma once

#include <string>
#include <string_view>

#include "google/protobuf/descriptor.h"

namespace afluente::broker::wire {

// The field that JSON calls `name`: its own name or its camel-case form; nullptr when there is
// none.
const google::protobuf::FieldDescriptor* FindField(const google::protobuf::Descriptor& type,
                                                   const std::string& name);

// Where a JSON text has an object or an array in place of a scalar, as a path
// ("messages[0].attributes.a"); empty when nowhere. Protobuf's own parser refuses such a map value
// without saying where.
std::string FindMisplacedValue(const google::protobuf::Descriptor& type, std::string_view json);

}  // namespace afluente::broker::wire
