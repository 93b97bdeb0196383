#pragma once

#include <string_view>

namespace afluente::schema {

// True when `text` is one JSON value (RFC 8259) in UTF-8, nested at most 500 levels (BigQuery's
// limit for the JSON type).
bool IsJson(std::string_view text);

}  // namespace afluente::schema
