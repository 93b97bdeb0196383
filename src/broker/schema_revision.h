#pragma once

#include <string>

#include "host/clock.h"
#include "schema/message/message_schema.h"

namespace afluente::broker {

// One revision of a schema.
struct SchemaRevision {
  std::string name;  // projects/P/schemas/S
  schema::SchemaLanguage language = schema::SchemaLanguage::kAvro;
  std::string definition;
  std::string revision_id;  // 8 hexadecimal digits
  host::WallTime revision_create_time;
};

}  // namespace afluente::broker
