#include "roles/forwards.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "broker/broker.h"
#include "broker/wire/client.h"
#include "host/check.h"
#include "source/forwarder.h"
#include "spec/spec.h"

namespace afluente::roles {
namespace {

constexpr char kCursorPrefix[] = "afluente-forward-";
// Pub/Sub's longest: an outage may last.
constexpr std::chrono::hours kRetention{31 * 24};
constexpr std::chrono::seconds kAckDeadline{600};
constexpr std::chrono::milliseconds kTimeout{30'000};
// More than a forwarder ever has under way, so that a publish from an answer does not wait.
constexpr int kPublishesMax = 64;
constexpr uint64_t kBytesMax = uint64_t{1} << 30;

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
    settings.subscription =
        absl::StrCat("projects/", spec.project, "/subscriptions/", kCursorPrefix, topic.name);
    settings.remote_topic = topic.forward->topic;
    settings.rate = topic.forward->rate;
    settings.refused_topic =
        absl::StrCat("projects/", spec.project, "/topics/", kCursorPrefix, topic.name, "-refused");
    AFLUENTE_RETURN_IF_ERROR(EnsureCursor(settings, subscriptions));
    AFLUENTE_RETURN_IF_ERROR(EnsureRefusedTopic(settings.refused_topic, broker));
    broker::wire::ClientOptions options;
    options.timeout = kTimeout;
    options.publishes_in_flight_max = kPublishesMax;
    options.bytes_in_flight_max = kBytesMax;
    options.google = IsGoogles(topic.forward->endpoint);
    auto client = broker::wire::PubsubClient::Create(topic.forward->endpoint, options);
    forwarders_.push_back(
        source::Forwarder::Create(std::move(settings), subscriptions, broker,
                                  std::make_unique<GrpcRemoteTopic>(std::move(client)), clock));
  }
  return absl::OkStatus();
}

}  // namespace afluente::roles
