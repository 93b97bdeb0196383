#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "broker/faults/delays.h"
#include "broker/faults/faults.h"
#include "broker/subscriptions.h"

namespace afluente::broker::faults {

// Delivers late, twice, or nacks at once, and refuses calls, as the subscription's faults say. A
// delay holds back the whole answer that the struck message is in. All threads; the parts outlive
// it and its consumers.
class FaultySubscriptions final : public Subscriptions {
 public:
  FaultySubscriptions(Subscriptions& subscriptions, Faults& faults, Delays& delays)
      : subscriptions_(subscriptions), faults_(faults), delays_(delays) {}

  absl::StatusOr<SubscriptionSettings> CreateSubscription(SubscriptionSettings settings) override {
    return subscriptions_.CreateSubscription(std::move(settings));
  }
  absl::StatusOr<SubscriptionSettings> UpdateSubscription(SubscriptionSettings settings) override {
    return subscriptions_.UpdateSubscription(std::move(settings));
  }
  absl::Status DeleteSubscription(std::string_view name) override {
    return subscriptions_.DeleteSubscription(name);
  }
  absl::StatusOr<SubscriptionSettings> GetSubscription(std::string_view name) const override {
    return subscriptions_.GetSubscription(name);
  }
  absl::StatusOr<Page<SubscriptionSettings>> ListSubscriptions(
      std::string_view project, size_t page_size, std::string_view page_token) const override {
    return subscriptions_.ListSubscriptions(project, page_size, page_token);
  }
  absl::StatusOr<std::unique_ptr<Consumer>> OpenConsumer(std::string_view subscription,
                                                         ConsumerOptions options) override;
  void Acknowledge(std::string_view subscription, std::vector<std::string> ack_ids,
                   Done done) override;
  void ModifyAckDeadline(std::string_view subscription, std::vector<std::string> ack_ids,
                         std::chrono::seconds deadline, Done done) override;

 private:
  Subscriptions& subscriptions_;
  Faults& faults_;
  Delays& delays_;
};

}  // namespace afluente::broker::faults
