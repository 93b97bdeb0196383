#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "broker/topics.h"
#include "event/filter.h"
#include "host/clock.h"
#include "http/message.h"

namespace afluente::console {

struct PeekOptions {
  static constexpr uint64_t kLimitMax = 1'000;

  std::string topic;  // its full name
  uint64_t limit = 10;
  // At most one of both; none = from the first retained message on.
  std::optional<uint64_t> after_sequence;
  std::optional<host::WallTime> since;
  event::Filter filter;
};

// From the query of GET /v1/peek: topic, limit, after, since, filter. INVALID_ARGUMENT names what
// is wrong. `project` completes a short name.
absl::StatusOr<PeekOptions> ReadPeekOptions(
    const std::vector<std::pair<std::string, std::string>>& query, const std::string& project);

// Messages of a topic without consuming them, one JSON object a line. It looks at a bounded number
// of messages: the header Afluente-Last-Sequence names the last one, to go on after; it is the
// topic's last when there are no more. Blocks; keeps nothing from being cleaned once it returns.
absl::StatusOr<http::Response> Peek(broker::Topics& topics, const PeekOptions& options);

inline constexpr char kLastSequenceHeader[] = "Afluente-Last-Sequence";

}  // namespace afluente::console
