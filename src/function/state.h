#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "broker/topic_reader.h"

namespace afluente::function {

// What a function remembers between micro-batches; committed with their outcomes. Everything up to
// `position` is decided.
struct State {
  broker::TopicPosition position;
  std::string topic;
  std::string filter;
  // The journal's side of `check`: of the messages up to `audited_sequence`, `audited_published`
  // matched the filter of their time. Counted by a walk of its own, not by the worker, and kept
  // here so that segments may go.
  uint64_t audited_sequence = 0;
  int64_t audited_published = 0;

  std::string Encode() const;
  // DATA_LOSS when the text is not a state.
  static absl::StatusOr<State> Decode(std::string_view text);
};

}  // namespace afluente::function
