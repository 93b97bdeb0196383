#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "broker/delivery_transform.h"
#include "broker/resources.h"
#include "event/message.h"
#include "script/javascript.h"

namespace afluente::broker {

// What a topic's or a subscription's message transforms make of a message, one after the other.
// Compiled at its first message; each caller gets a runtime of its own, so that callers do not wait
// for one another. Thread-safe.
class TransformChain {
 public:
  // Leaves out those that are disabled.
  explicit TransformChain(const std::vector<MessageTransform>& transforms);
  ~TransformChain();

  bool empty() const { return functions_.empty(); }

  // No value: dropped. INVALID_ARGUMENT or RESOURCE_EXHAUSTED with the function's name, as
  // script::JavaScript::Call. May take as long as its limits allow.
  absl::StatusOr<script::Transformed> Apply(const event::Message& message) const;

 private:
  class Function;
  std::vector<std::unique_ptr<Function>> functions_;
};

// INVALID_ARGUMENT with function, line and column when the code of one does not compile.
absl::Status CheckCompiles(const std::vector<MessageTransform>& transforms);

// Subscriptions' transforms. Keeps no state of its own.
class ScriptTransforms final : public DeliveryTransforms {
 public:
  std::shared_ptr<DeliveryTransform> Make(const std::vector<MessageTransform>& transforms) override;
};

}  // namespace afluente::broker
