#pragma once

#include <string>

namespace afluente::cli {

// A value of a query or a segment of a path, percent-encoded (RFC 3986, 2.1).
std::string QueryText(const std::string& text);

}  // namespace afluente::cli
