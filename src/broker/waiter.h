#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "broker/lease_table.h"
#include "broker/subscriptions.h"

namespace afluente::broker {

class DeliveryTransform;

// A call of Consumer::Next that waits for its answer.
struct Waiter {
  std::shared_ptr<Flow> flow;
  size_t messages_max;
  size_t bytes_max;
  Consumer::Ready ready;
};

// An answer to one waiter as it is being put together.
struct Building {
  Waiter waiter;
  uint64_t run = 0;  // see KeyOrder
  size_t messages_max = 0;
  size_t bytes = 0;
  std::vector<Delivered> messages;
  std::shared_ptr<DeliveryTransform> transform;
  absl::Status status;
  bool full = false;
};

}  // namespace afluente::broker
