#pragma once

#include <cstdint>
#include <string>
#include <vector>

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
  // When it does not balance, ids that do not add up, at most some dozens of each: retained and
  // decided, but in no table where there should be one; and in a table though not decided, or in
  // the table and among the dead letters.
  std::vector<std::string> missing;
  std::vector<std::string> doubled;
  bool balanced() const { return published == stored + dropped + dead_lettered + pending; }
};

}  // namespace afluente::function
