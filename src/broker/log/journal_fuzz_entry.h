#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace afluente::broker::log {

// The fuzz entry of the journal's formats: takes `input` as the files of a journal's directory (see
// AppendFuzzFile; what does not parse is cut) and recovers from them twice, in memory. Any status
// is right; a crash, a hang or a second recovery that differs from the first is not.
absl::Status RecoverArbitraryBytes(std::string_view input);
// Appends one file to a fuzz input: length of the name (1 byte), name, length of the content (4
// bytes, little-endian), content.
void AppendFuzzFile(std::string_view name, std::string_view content, std::string& input);

}  // namespace afluente::broker::log
