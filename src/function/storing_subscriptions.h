#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "broker/subscriptions.h"
#include "function/topic_json.h"
#include "host/worker_pool.h"

namespace afluente::warehouse {
class CatalogView;
class Warehouse;
}  // namespace afluente::warehouse

namespace afluente::function {

class TableSubscription;

// The broker's subscriptions, and for each with a BigQuery configuration a worker that writes its
// messages into the table. Checks at creation and change that the messages would fit, and shows in
// what state the writing is. Owned by roles/; thread-safe.
class StoringSubscriptions final : public broker::Subscriptions {
 public:
  // FAILED_PRECONDITION when the topic has no schema.
  using MakeTopicJson =
      absl::AnyInvocable<absl::StatusOr<TopicJson>(const std::string& topic) const>;

  StoringSubscriptions(broker::Subscriptions& subscriptions, warehouse::Warehouse& warehouse,
                       const warehouse::CatalogView& catalog, MakeTopicJson make_topic_json);
  ~StoringSubscriptions() override;

  // Starts the workers of subscriptions that exist; `names` are of all. Later ones start by
  // themselves.
  void Start(const std::vector<std::string>& names);
  // Each worker finishes the batch at hand. Blocks.
  void Stop();

  // INVALID_ARGUMENT, NOT_FOUND or FAILED_PRECONDITION when the table does not take the messages.
  absl::StatusOr<broker::SubscriptionSettings> CreateSubscription(
      broker::SubscriptionSettings settings) override;
  absl::StatusOr<broker::SubscriptionSettings> UpdateSubscription(
      broker::SubscriptionSettings settings) override;
  absl::Status DeleteSubscription(std::string_view name) override;
  absl::StatusOr<broker::SubscriptionSettings> GetSubscription(
      std::string_view name) const override;
  absl::StatusOr<broker::Page<broker::SubscriptionSettings>> ListSubscriptions(
      std::string_view project, size_t page_size, std::string_view page_token) const override;
  absl::StatusOr<std::unique_ptr<broker::Consumer>> OpenConsumer(
      std::string_view subscription, broker::ConsumerOptions options) override;
  void Acknowledge(std::string_view subscription, std::vector<std::string> ack_ids,
                   Done done) override;
  void ModifyAckDeadline(std::string_view subscription, std::vector<std::string> ack_ids,
                         std::chrono::seconds deadline, Done done) override;

 private:
  absl::StatusOr<TopicJson> TopicJsonOf(const broker::SubscriptionSettings& settings) const;
  absl::Status Check(const broker::SubscriptionSettings& settings) const;
  // Stops the worker of before and starts one that fits the settings.
  void Renew(const broker::SubscriptionSettings& settings);
  std::shared_ptr<TableSubscription> Take(std::string_view name);
  void AddState(broker::SubscriptionSettings& settings) const;

  broker::Subscriptions& subscriptions_;
  warehouse::Warehouse& warehouse_;
  const warehouse::CatalogView& catalog_;
  const MakeTopicJson make_topic_json_;
  host::WorkerPool workers_;

  mutable absl::Mutex mutex_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::map<std::string, std::shared_ptr<TableSubscription>, std::less<>> running_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace afluente::function
