#pragma once

#include <string>
#include <string_view>

#include "schema/message/avro_definition.h"
#include "schema/message/avro_output.h"

namespace afluente::schema::avro {

// Avro's two encodings ("Binary Encoding", "JSON Encoding" in its specification) of one value of
// `type`, and nothing after it. False after noting what is wrong.
bool ReadBinary(const Type& type, std::string_view data, Reading& reading);
// Fields may come in any order and others are passed over, but none may be absent: the encoding
// knows no defaults.
bool ReadJson(const Type& type, std::string_view data, Reading& reading);

}  // namespace afluente::schema::avro
