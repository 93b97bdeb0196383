#pragma once

#include <cstdint>
#include <string>

namespace afluente::function {

// The sides of a function's balance (promise 3), counted independently; see docs/operating.md.
struct Balance {
  std::string function;
  int64_t published = 0;
  int64_t stored = 0;
  int64_t dropped = 0;
  int64_t dead_lettered = 0;
  int64_t pending = 0;
  int64_t rows = 0;
  bool balanced() const { return published == stored + dropped + dead_lettered + pending; }
};

}  // namespace afluente::function
