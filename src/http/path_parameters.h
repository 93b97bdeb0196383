#pragma once

#include <functional>
#include <map>
#include <string>

namespace afluente::http {

// Decoded values of a path pattern's {names}.
using PathParameters = std::map<std::string, std::string, std::less<>>;

}  // namespace afluente::http
