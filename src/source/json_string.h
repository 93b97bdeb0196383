#pragma once

#include <string>
#include <string_view>

namespace afluente::source {

// Appends `text` as a JSON string, quotes included. Bytes that are not UTF-8 pass unchanged:
// whoever parses the JSON reports them.
void AppendJsonString(std::string_view text, std::string& out);

}  // namespace afluente::source
