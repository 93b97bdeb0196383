#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "schema/value.h"

namespace afluente::api {

// Values as bytes, for keys and cursors: equal values have equal bytes, and what follows a value is
// told apart from it.
void AppendValueBytes(std::string& out, const schema::Value& value);
void AppendTextBytes(std::string& out, std::string_view text);
// Takes one value off the front; nullopt when it is damaged.
std::optional<schema::Value> TakeValue(std::string_view& bytes);

// Big-endian.
void AppendNumberBytes(std::string& out, uint64_t number);
std::optional<uint64_t> TakeNumber(std::string_view& bytes);

// Base64 for URLs (RFC 4648, 5), without padding.
std::string UrlBase64(std::string_view bytes);

}  // namespace afluente::api
