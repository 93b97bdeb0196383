#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "absl/strings/ascii.h"

namespace afluente::cli {

// The option can also be given as AFLUENTE_ + its name in upper snake.
inline CLI::Option* WithEnvironment(CLI::Option* option) {
  std::string name = option->get_lnames().front();
  for (char& c : name) c = c == '-' ? '_' : absl::ascii_toupper(c);
  return option->envname("AFLUENTE_" + name);
}

}  // namespace afluente::cli
