#pragma once

#include <string_view>

namespace afluente::schema {

// True when `text` is well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms).
bool IsUtf8(std::string_view text);

}  // namespace afluente::schema
