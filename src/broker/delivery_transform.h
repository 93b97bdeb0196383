#pragma once

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "broker/resources.h"
#include "event/message.h"

namespace afluente::broker {

// Port: what a subscription does to each message before it is delivered. Called by one thread at a
// time for a subscription, without its lock; may take milliseconds.
class DeliveryTransform {
 public:
  using SharedMessage = std::shared_ptr<const event::Message>;
  virtual ~DeliveryTransform() = default;
  // The message to deliver: `message` itself or a copy with other content (id, sequence, publish
  // time and ordering key stay). Null drops it: it is acked unseen. An error is a failed delivery,
  // which the retry and dead-letter policies treat as a nack.
  virtual absl::StatusOr<SharedMessage> Transform(const SharedMessage& message) = 0;
};

// Port: makes what a subscription's message transforms say. Called when settings are applied, on
// the journal's thread: it must be quick, so scripts are compiled at their first message.
class DeliveryTransforms {
 public:
  virtual ~DeliveryTransforms() = default;
  // Null when there is nothing to do. Shared: a delivery may outlive a change of the settings.
  virtual std::shared_ptr<DeliveryTransform> Make(
      const std::vector<MessageTransform>& transforms) = 0;
};

}  // namespace afluente::broker
