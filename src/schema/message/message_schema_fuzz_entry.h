#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "schema/message/message_schema.h"

namespace afluente::schema {

// The fuzz entry of definitions and data: takes `input` (see MakeFuzzInput) as a schema and a
// message of it. Any status is right; a crash, a hang, JSON that is none, or a schema that does not
// revise itself is not.
absl::Status ReadArbitraryMessage(std::string_view input);
// A byte for language and encoding, the definition's length (2 bytes, little-endian), the
// definition, the data.
std::string MakeFuzzInput(SchemaLanguage language, MessageEncoding encoding,
                          std::string_view definition, std::string_view data);

}  // namespace afluente::schema
