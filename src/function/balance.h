#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace afluente::warehouse {
struct FunctionAccount;
}  // namespace afluente::warehouse

namespace afluente::function {

struct State;

// The sides of a function's balance (promise 3), counted independently; see docs/operating.md.
struct Balance {
  std::string function;
  int64_t published = 0;
  int64_t stored = 0;
  int64_t dropped = 0;
  int64_t dead_lettered = 0;
  int64_t pending = 0;
  // What was pending when an operator removed the function.
  int64_t dropped_by_operator = 0;
  int64_t rows = 0;
  int64_t messages_doubled = 0;  // in the table, with a row twice
  // kParked: it left the specification and keeps what it has; kRemoved: an operator released it.
  enum class Standing { kRunning, kParked, kRemoved };
  Standing standing = Standing::kRunning;
  // When it does not balance, ids that do not add up, at most some dozens of each: retained and
  // decided, but in no table where there should be one; and in a table though not decided, in the
  // table and among the dead letters, or with a row twice.
  std::vector<std::string> missing;
  std::vector<std::string> doubled;
  bool balanced() const {
    return messages_doubled == 0 &&
           published == stored + dropped + dropped_by_operator + dead_lettered + pending;
  }
};

// What the state, the counters and the table say; of the journal what was audited.
Balance BalanceOf(const std::string& function, const State& state,
                  const warehouse::FunctionAccount& account);

}  // namespace afluente::function
