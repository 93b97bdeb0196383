#include "roles/forwards.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "broker/subscriptions.h"
#include "broker/wire/client.h"
#include "host/check.h"
#include "source/forwarder.h"
#include "spec/spec.h"

namespace afluente::roles {
namespace {

// Pub/Sub's longest: an outage may last.
constexpr std::chrono::hours kRetention{31 * 24};
constexpr std::chrono::seconds kAckDeadline{600};
constexpr std::chrono::milliseconds kTimeout{30'000};

class GrpcRemoteTopic final : public source::RemoteTopic {
 public:
  explicit GrpcRemoteTopic(std::unique_ptr<broker::wire::PubsubClient> client)
      : client_(std::move(client)) {}
  void Publish(const std::string& topic, std::vector<event::Draft> batch,
               broker::Publisher::Published done) override {
    client_->Publish(topic, std::move(batch), std::move(done));
  }
  void Cancel() override { client_->Cancel(); }

 private:
  const std::unique_ptr<broker::wire::PubsubClient> client_;
};

bool IsGoogles(const std::string& endpoint) {
  return absl::EndsWith(endpoint.substr(0, endpoint.rfind(':')), ".googleapis.com");
}

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

}  // namespace

Forwards::Forwards() = default;
Forwards::~Forwards() = default;
void Forwards::Stop() { forwarders_.clear(); }

absl::Status Forwards::Start(const spec::Spec& spec, broker::Subscriptions& subscriptions,
                             const host::Clock& clock) {
  for (const spec::Topic& topic : spec.topics) {
    if (!topic.forward) continue;
    source::ForwardSettings settings;
    settings.topic = absl::StrCat("projects/", spec.project, "/topics/", topic.name);
    settings.subscription = absl::StrCat("projects/", spec.project, "/subscriptions/",
                                         spec::kForwardPrefix, topic.name);
    settings.remote_topic = topic.forward->topic;
    settings.rate = topic.forward->rate;
    AFLUENTE_RETURN_IF_ERROR(EnsureCursor(settings, subscriptions));
    broker::wire::ClientOptions options;
    options.timeout = kTimeout;
    options.google = IsGoogles(topic.forward->endpoint);
    auto client = broker::wire::PubsubClient::Create(topic.forward->endpoint, options);
    forwarders_.push_back(
        source::Forwarder::Create(std::move(settings), subscriptions,
                                  std::make_unique<GrpcRemoteTopic>(std::move(client)), clock));
  }
  return absl::OkStatus();
}

}  // namespace afluente::roles
