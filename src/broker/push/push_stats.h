#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace afluente::broker::push {

// What became of one subscription's pushes since the process started or push was switched on.
struct PushStats {
  // Pub/Sub's classes of answers (ack, remote_server_4xx, unreachable, ...) and HTTP's status, 0
  // when there was no answer.
  using Result = std::pair<std::string, int>;

  std::string subscription;
  std::map<Result, uint64_t> requests;
  std::vector<uint64_t> latency_counts;  // over telemetry::Histogram::Bounds()
  double latency_seconds = 0;            // summed
};

}  // namespace afluente::broker::push
