#pragma once

#include <string_view>

namespace afluente::web {

// The console's built pages, as console::Pages reads them; part of the program.
std::string_view Pages();

}  // namespace afluente::web
