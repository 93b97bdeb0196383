#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace afluente::schema {

// True when `text` is one JSON value (RFC 8259) in UTF-8, nested at most 500 levels (BigQuery's
// limit for the JSON type).
bool IsJson(std::string_view text);

// Where `text` stops being JSON (a byte offset; the end when it is cut short); nullopt when it is
// JSON. Does not look at UTF-8.
std::optional<size_t> FindJsonError(std::string_view text);

// True when `text` is a JSON number and nothing else.
bool IsJsonNumber(std::string_view text);

}  // namespace afluente::schema
