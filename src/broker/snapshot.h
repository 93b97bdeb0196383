#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "broker/subscription.h"
#include "broker/topic.h"

namespace afluente::broker {

// All of the durable state at one place of the journal. Indexes are shared with the live state, so
// that capturing is quick and encoding can happen on another thread.
struct StateImage {
  uint64_t next_incarnation = 1;
  uint64_t released_segment = 0;
  std::vector<Topic::Image> topics;
  std::vector<Subscription::Image> subscriptions;
};

// Format: docs/formats/broker-records.md. Decoding hostile bytes gives DATA_LOSS.
std::string EncodeSnapshot(const StateImage& image);
absl::StatusOr<StateImage> DecodeSnapshot(std::string_view bytes);

}  // namespace afluente::broker
