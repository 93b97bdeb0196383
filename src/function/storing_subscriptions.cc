#include "function/storing_subscriptions.h"

#include <utility>

#include "function/table_subscription.h"
#include "host/check.h"
#include "telemetry/log.h"

namespace afluente::function {
namespace {

// Few threads: the committer takes one transaction at a time.
constexpr int kThreads = 2;
// At most one batch of a subscription waits, and there are never so many of them.
constexpr size_t kQueueMax = 1 << 20;

}  // namespace

StoringSubscriptions::StoringSubscriptions(broker::Subscriptions& subscriptions,
                                           warehouse::Warehouse& warehouse,
                                           const warehouse::CatalogView& catalog,
                                           MakeTopicJson make_topic_json)
    : subscriptions_(subscriptions),
      warehouse_(warehouse),
      catalog_(catalog),
      make_topic_json_(std::move(make_topic_json)),
      workers_(kThreads, kQueueMax) {}

StoringSubscriptions::~StoringSubscriptions() { Stop(); }

void StoringSubscriptions::Start(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    auto settings = subscriptions_.GetSubscription(name);
    if (settings.ok()) Renew(*settings);
  }
}

void StoringSubscriptions::Stop() {
  std::map<std::string, std::shared_ptr<TableSubscription>, std::less<>> running;
  {
    absl::MutexLock lock(&mutex_);
    stopped_ = true;
    running.swap(running_);
  }
  for (auto& [name, subscription] : running) subscription->Stop();
}

absl::StatusOr<TopicJson> StoringSubscriptions::TopicJsonOf(
    const broker::SubscriptionSettings& settings) const {
  if (!settings.bigquery->use_topic_schema) return TopicJson();
  return make_topic_json_(settings.topic);
}

absl::Status StoringSubscriptions::Check(const broker::SubscriptionSettings& settings) const {
  if (!settings.bigquery) return absl::OkStatus();
  AFLUENTE_ASSIGN_OR_RETURN(TopicJson topic_json, TopicJsonOf(settings));
  return TableSubscription::Check(catalog_, settings, topic_json);
}

void StoringSubscriptions::Renew(const broker::SubscriptionSettings& settings) {
  if (auto before = Take(settings.name)) before->Stop();
  if (!settings.bigquery || settings.detached) return;
  auto make = [&]() -> absl::StatusOr<std::shared_ptr<TableSubscription>> {
    AFLUENTE_ASSIGN_OR_RETURN(TopicJson topic_json, TopicJsonOf(settings));
    return TableSubscription::Create({subscriptions_, warehouse_, catalog_, workers_}, settings,
                                     std::move(topic_json));
  };
  auto made = make();
  if (!made.ok()) {
    telemetry::Log(telemetry::Severity::kError, "BigQuery subscription does not start",
                   {{"subscription", settings.name}, {"error", made.status().ToString()}});
    return;
  }
  absl::MutexLock lock(&mutex_);
  if (stopped_ || !running_.emplace(settings.name, *made).second) return;
  (*made)->Start();
}

std::shared_ptr<TableSubscription> StoringSubscriptions::Take(std::string_view name) {
  absl::MutexLock lock(&mutex_);
  auto it = running_.find(name);
  if (it == running_.end()) return nullptr;
  std::shared_ptr<TableSubscription> taken = std::move(it->second);
  running_.erase(it);
  return taken;
}

void StoringSubscriptions::AddState(broker::SubscriptionSettings& settings) const {
  if (!settings.bigquery) return;
  absl::MutexLock lock(&mutex_);
  auto it = running_.find(settings.name);
  if (it != running_.end()) settings.bigquery->state = it->second->state();
}

absl::StatusOr<broker::SubscriptionSettings> StoringSubscriptions::CreateSubscription(
    broker::SubscriptionSettings settings) {
  AFLUENTE_RETURN_IF_ERROR(Check(settings));
  AFLUENTE_ASSIGN_OR_RETURN(settings, subscriptions_.CreateSubscription(std::move(settings)));
  Renew(settings);
  return settings;
}

absl::StatusOr<broker::SubscriptionSettings> StoringSubscriptions::UpdateSubscription(
    broker::SubscriptionSettings settings) {
  AFLUENTE_RETURN_IF_ERROR(Check(settings));
  AFLUENTE_ASSIGN_OR_RETURN(settings, subscriptions_.UpdateSubscription(std::move(settings)));
  Renew(settings);
  return settings;
}

absl::Status StoringSubscriptions::DeleteSubscription(std::string_view name) {
  AFLUENTE_RETURN_IF_ERROR(subscriptions_.DeleteSubscription(name));
  if (auto gone = Take(name)) gone->Stop();
  return absl::OkStatus();
}

absl::StatusOr<broker::SubscriptionSettings> StoringSubscriptions::GetSubscription(
    std::string_view name) const {
  AFLUENTE_ASSIGN_OR_RETURN(auto settings, subscriptions_.GetSubscription(name));
  AddState(settings);
  return settings;
}

absl::StatusOr<broker::Page<broker::SubscriptionSettings>> StoringSubscriptions::ListSubscriptions(
    std::string_view project, size_t page_size, std::string_view page_token) const {
  AFLUENTE_ASSIGN_OR_RETURN(auto page,
                            subscriptions_.ListSubscriptions(project, page_size, page_token));
  for (broker::SubscriptionSettings& settings : page.items) AddState(settings);
  return page;
}

absl::StatusOr<std::unique_ptr<broker::Consumer>> StoringSubscriptions::OpenConsumer(
    std::string_view subscription, broker::ConsumerOptions options) {
  return subscriptions_.OpenConsumer(subscription, options);
}

void StoringSubscriptions::Acknowledge(std::string_view subscription,
                                       std::vector<std::string> ack_ids, Done done) {
  subscriptions_.Acknowledge(subscription, std::move(ack_ids), std::move(done));
}

void StoringSubscriptions::ModifyAckDeadline(std::string_view subscription,
                                             std::vector<std::string> ack_ids,
                                             std::chrono::seconds deadline, Done done) {
  subscriptions_.ModifyAckDeadline(subscription, std::move(ack_ids), deadline, std::move(done));
}

}  // namespace afluente::function
