#pragma once

#include <string>
#include <string_view>

namespace afluente::telemetry {

// Appends `text` as a JSON string with its quotes (RFC 8259): control characters are escaped and
// each byte that is not valid UTF-8 becomes U+FFFD, so the result is always valid JSON.
void AppendJsonString(std::string& out, std::string_view text);

// The length of the well-formed UTF-8 sequence at the start of `text` (1 to 4), 0 when there is
// none: overlong forms, surrogates and values beyond U+10FFFF are not well formed (Unicode 15,
// table 3-7).
size_t Utf8SequenceLength(std::string_view text);
bool IsUtf8(std::string_view text);

}  // namespace afluente::telemetry
