#pragma once

#include <cstddef>
#include <string_view>

namespace afluente::host {

// True when `text` is well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms).
bool IsUtf8(std::string_view text);
// The length of the sequence at its beginning, 0 when that is none.
size_t Utf8SequenceLength(std::string_view text);

}  // namespace afluente::host
