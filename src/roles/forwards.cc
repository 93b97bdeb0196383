#include "roles/forwards.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "broker/broker.h"
#include "broker/gcp/google_publisher.h"
#include "broker/remote_topic.h"
#include "broker/subscriptions.h"
#include "host/check.h"
#include "roles/google_pubsub.h"
#include "source/forwarder.h"
#include "spec/spec.h"

namespace afluente::roles {
namespace {

// Pub/Sub's longest: an outage may last.
constexpr std::chrono::hours kRetention{31 * 24};
constexpr std::chrono::seconds kAckDeadline{600};

// In requests of one ordering key, as Google demands; a failed one is the forwarder's to send
// again.
class ForwardTopic final : public broker::RemoteTopic {
 public:
  ForwardTopic(const std::string& address, const host::Clock& clock)
      : publisher_(DialTopics(address), clock, Limits()) {}
  void Publish(const std::string& topic, std::vector<event::Draft> batch,
               broker::Publisher::Published done) override {
    publisher_.Publish(topic, std::move(batch), std::move(done));
  }
  void Cancel() override { publisher_.Cancel(); }

 private:
  static broker::gcp::PublisherLimits Limits() {
    broker::gcp::PublisherLimits limits;
    limits.retry_for = std::chrono::milliseconds(0);
    return limits;
  }
  broker::gcp::GooglePublisher publisher_;
};

absl::Status EnsureCursor(const source::ForwardSettings& forward,
                          broker::Subscriptions& subscriptions) {
  const auto existing = subscriptions.GetSubscription(forward.subscription);
  if (existing.ok()) {
    if (existing->topic == forward.topic) return absl::OkStatus();
    return absl::FailedPreconditionError(
        absl::StrCat(forward.subscription, ": the cursor of a forward belongs to another topic: ",
                     existing->topic, "; delete it once nothing of it is needed"));
  }
  if (!absl::IsNotFound(existing.status())) return existing.status();
  broker::SubscriptionSettings settings;
  settings.name = forward.subscription;
  settings.topic = forward.topic;
  settings.ack_deadline = kAckDeadline;
  settings.message_retention = kRetention;
  settings.enable_message_ordering = true;
  settings.expiration_ttl = std::chrono::seconds(0);
  return subscriptions.CreateSubscription(std::move(settings)).status();
}

absl::Status EnsureRefusedTopic(const std::string& name, broker::Topics& topics) {
  broker::TopicSettings settings;
  settings.name = name;
  settings.message_retention = kRetention;
  const absl::Status status = topics.CreateTopic(std::move(settings)).status();
  return absl::IsAlreadyExists(status) ? absl::OkStatus() : status;
}

}  // namespace

Forwards::Forwards() = default;
Forwards::~Forwards() = default;
void Forwards::Stop() { forwarders_.clear(); }

absl::Status Forwards::Start(const spec::Spec& spec, broker::Broker& broker,
                             broker::Subscriptions& subscriptions, const host::Clock& clock) {
  for (const spec::Topic& topic : spec.topics) {
    if (!topic.forward) continue;
    source::ForwardSettings settings;
    settings.topic = absl::StrCat("projects/", spec.project, "/topics/", topic.name);
    settings.subscription = absl::StrCat("projects/", spec.project, "/subscriptions/",
                                         spec::kForwardPrefix, topic.name);
    settings.remote_topic = topic.forward->topic;
    settings.rate = topic.forward->rate;
    settings.refused_topic = absl::StrCat("projects/", spec.project, "/topics/",
                                          spec::kForwardPrefix, topic.name, "-refused");
    AFLUENTE_RETURN_IF_ERROR(EnsureCursor(settings, subscriptions));
    AFLUENTE_RETURN_IF_ERROR(EnsureRefusedTopic(settings.refused_topic, broker));
    forwarders_.push_back(source::Forwarder::Create(
        std::move(settings), subscriptions, broker,
        std::make_unique<ForwardTopic>(topic.forward->endpoint, clock), clock));
  }
  return absl::OkStatus();
}

}  // namespace afluente::roles
