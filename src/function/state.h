#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "broker/topic_reader.h"
#include "function/waiting_set.h"
#include "warehouse/table.h"

namespace afluente::function {

// A replay under way: the decided messages in [next, end] are decided anew.
struct ReplayState {
  uint64_t next = 0;
  uint64_t end = 0;
  std::string into;      // dataset.table; empty = the function's own table
  int64_t messages = 0;  // decided anew so far
};

// What a function remembers between micro-batches; committed with their outcomes. Everything up to
// `position` is decided but for what waits.
struct State {
  broker::TopicPosition position;
  std::string topic;
  std::string filter;
  // The journal's side of `check`: of the messages up to `audited_sequence`, `audited_published`
  // matched the filter of their time. Counted by a walk of its own, not by the worker, and kept
  // here so that segments may go.
  uint64_t audited_sequence = 0;
  int64_t audited_published = 0;
  WaitingSet waiting;
  std::optional<ReplayState> replay;
  // Files that went straight through the function: of each identity, the records decided.
  std::map<std::string, uint64_t> backfills;
  int64_t backfilled = 0;  // their messages, published as far as the balance goes
  // Where it stores, so that a function that left the specification is still known.
  warehouse::TableName table;
  warehouse::TableName dead_letter_table;
  // It pins nothing any more: what was pending when an operator removed it is counted here.
  bool removed = false;
  int64_t dropped_by_operator = 0;

  // Everything up to here is decided.
  uint64_t decided_through() const;

  std::string Encode() const;
  // DATA_LOSS when the text is not a state.
  static absl::StatusOr<State> Decode(std::string_view text);
};

}  // namespace afluente::function
