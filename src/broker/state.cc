#include "broker/state.h"

#include <algorithm>

#include "broker/errors.h"
#include "broker/listing.h"
#include "broker/policy_table.h"
#include "broker/schema_table.h"
#include "broker/snapshot_table.h"
#include "broker/state_image.h"
#include "broker/subscription.h"
#include "broker/surroundings.h"
#include "broker/topic.h"
#include "event/filter.h"
#include "host/check.h"

namespace afluente::broker {
namespace {

// What a small batch costs beside its messages.
constexpr uint64_t kBatchBytes = 128;

}  // namespace

State::State(const Surroundings& surroundings, uint64_t memory_bytes_max)
    : surroundings_(surroundings),
      memory_bytes_max_(memory_bytes_max),
      snapshots_(std::make_unique<SnapshotTable>()),
      schemas_(std::make_unique<SchemaTable>()),
      policies_(std::make_unique<PolicyTable>()) {}

State::~State() = default;

struct State::Visitor {
  State& state;
  const log::Place& place;
  std::shared_ptr<Batch>& batch;
  Applied operator()(const PublishRecord& r) { return state.Publish(r, place, std::move(batch)); }
  Applied operator()(const CreateTopicRecord& r) { return {state.CreateTopic(r), {}}; }
  Applied operator()(const UpdateTopicRecord& r) { return {state.UpdateTopic(r), {}}; }
  Applied operator()(const DeleteTopicRecord& r) { return {state.DeleteTopic(r), {}}; }
  Applied operator()(const ForgetTopicRecord& r) { return {state.ForgetTopic(r), {}}; }
  Applied operator()(const CreateSubscriptionRecord& r) {
    return {state.CreateSubscription(r), {}};
  }
  Applied operator()(const UpdateSubscriptionRecord& r) { return state.UpdateSubscription(r); }
  Applied operator()(const DeleteSubscriptionRecord& r) { return state.DeleteSubscription(r); }
  Applied operator()(const AcksRecord& r) { return state.Acks(r); }
  Applied operator()(const ReleaseRecord& r) {
    state.Release(r);
    return {};
  }
  Applied operator()(const FailuresRecord& r) {
    if (auto found = state.FindSubscriptionIncarnation(r.subscription))
      found->ApplyFailures(r.counts);
    return {};
  }
  Applied operator()(const DeadLetterRecord& r) { return state.Bury(r, place, std::move(batch)); }
  Applied operator()(const KeyedPublishRecord& r) {
    return state.PublishOnce(r, place, std::move(batch));
  }
  Applied operator()(const ForgetKeysRecord& r) {
    state.ForgetKeys(r);
    return {};
  }
  Applied operator()(const MovedRecord& r) {
    // Nothing when the topic was forgotten meanwhile.
    if (auto topic = state.FindIncarnation(r.incarnation))
      topic->Move(place, r.first_sequence, r.count);
    return {};
  }
  template <typename OfResource>
  Applied operator()(const OfResource& r) {
    return state.ApplyResource(r);
  }
};

State::Applied State::Apply(const Record& record, const log::Place& place,
                            std::shared_ptr<Batch> batch) {
  return std::visit(Visitor{*this, place, batch}, record);
}

State::Applied State::Publish(const PublishRecord& record, const log::Place& place,
                              std::shared_ptr<Batch> batch) {
  std::shared_ptr<Topic> topic = FindIncarnation(record.incarnation);
  // Deleted while the publish was on its way.
  if (!topic) return {ResourceNotFound("topic"), {}};
  if (topic->deleted()) return {ResourceNotFound(topic->name()), {}};
  if (topic->last_sequence() + record.count > kSequenceMax)
    return {absl::ResourceExhaustedError("the topic's message ids are used up"), {}};
  uint64_t memory = batch ? batch->memory_bytes + kBatchBytes : 0;
  Applied applied;
  applied.calls = topic->Add(place, record.count, record.publish_time, std::move(batch));
  if (memory > 0) Remember(topic, memory);
  return applied;
}

void State::Remember(const std::shared_ptr<Topic>& topic, uint64_t memory_bytes) {
  remembered_.emplace_back(topic, memory_bytes);
  remembered_bytes_ += memory_bytes;
  while (remembered_bytes_ > memory_bytes_max_) {
    auto& [oldest, bytes] = remembered_.front();
    oldest->EvictOldest();
    remembered_bytes_ -= bytes;
    remembered_.pop_front();
  }
}

absl::Status State::CreateTopic(const CreateTopicRecord& record) {
  AFLUENTE_RETURN_IF_ERROR(CheckSchemaOf(record.settings));
  absl::MutexLock lock(&mutex_);
  if (topics_.contains(record.settings.name)) return ResourceExists(record.settings.name);
  auto topic = std::make_shared<Topic>(next_incarnation_++, record.settings);
  topics_[record.settings.name] = topic;
  incarnations_[topic->incarnation()] = topic;
  return absl::OkStatus();
}

absl::Status State::UpdateTopic(const UpdateTopicRecord& record) {
  std::shared_ptr<Topic> topic = FindTopic(record.settings.name);
  if (!topic) return ResourceNotFound(record.settings.name);
  AFLUENTE_RETURN_IF_ERROR(CheckSchemaOf(record.settings));
  topic->Update(record.settings);
  return absl::OkStatus();
}

absl::Status State::DeleteTopic(const DeleteTopicRecord& record) {
  std::shared_ptr<Topic> topic = FindTopic(record.name);
  if (!topic) return ResourceNotFound(record.name);
  {
    absl::MutexLock lock(&mutex_);
    // The incarnation stays for its subscriptions and readers, until it is forgotten.
    topic->MarkDeleted();
    topics_.erase(record.name);
  }
  snapshots_->MarkTopicDeleted(topic->incarnation());
  policies_->Forget(record.name);
  return absl::OkStatus();
}

absl::Status State::ForgetTopic(const ForgetTopicRecord& record) {
  if (IsSubscribed(record.incarnation))
    return JournalContradiction("a subscribed topic was forgotten");
  absl::MutexLock lock(&mutex_);
  auto it = incarnations_.find(record.incarnation);
  if (it == incarnations_.end() || !it->second->deleted())
    return JournalContradiction("a topic was forgotten that is not deleted");
  // Its batches are counted until their turn to be evicted comes, their memory is free now.
  it->second->EvictAll();
  incarnations_.erase(it);
  return absl::OkStatus();
}

absl::Status State::CreateSubscription(const CreateSubscriptionRecord& record) {
  AFLUENTE_ASSIGN_OR_RETURN(event::Filter filter, event::Filter::Parse(record.settings.filter));
  absl::MutexLock lock(&mutex_);
  const SubscriptionSettings& settings = record.settings;
  if (subscriptions_.contains(settings.name)) return ResourceExists(settings.name);
  auto topic = topics_.find(settings.topic);
  if (topic == topics_.end()) return ResourceNotFound(settings.topic);
  auto subscription = std::make_shared<Subscription>(surroundings_, next_incarnation_++,
                                                     topic->second, settings, std::move(filter),
                                                     SequenceSet(topic->second->last_sequence()));
  subscriptions_[settings.name] = subscription;
  subscription_incarnations_[subscription->incarnation()] = subscription;
  subscriptions_by_topic_.emplace(topic->second->incarnation(), settings.name);
  return absl::OkStatus();
}

State::Applied State::UpdateSubscription(const UpdateSubscriptionRecord& record) {
  std::shared_ptr<Subscription> subscription = FindSubscription(record.settings.name);
  if (!subscription) return {ResourceNotFound(record.settings.name), {}};
  return {absl::OkStatus(), subscription->Update(record.settings)};
}

State::Applied State::DeleteSubscription(const DeleteSubscriptionRecord& record) {
  std::shared_ptr<Subscription> subscription = FindSubscription(record.name);
  if (!subscription) return {ResourceNotFound(record.name), {}};
  {
    absl::MutexLock lock(&mutex_);
    subscriptions_.erase(record.name);
    subscription_incarnations_.erase(subscription->incarnation());
    subscriptions_by_topic_.erase({subscription->topic()->incarnation(), record.name});
  }
  policies_->Forget(record.name);
  return {absl::OkStatus(), subscription->MarkDeleted()};
}

State::Applied State::Acks(const AcksRecord& record) {
  std::shared_ptr<Subscription> subscription = FindSubscriptionIncarnation(record.subscription);
  // Deleted while the acks were on their way.
  if (!subscription) return {};
  return {absl::OkStatus(), subscription->ApplyAcks(record.ranges)};
}

State::Applied State::Bury(const DeadLetterRecord& record, const log::Place& place,
                           std::shared_ptr<Batch> batch) {
  std::shared_ptr<Subscription> subscription = FindSubscriptionIncarnation(record.subscription);
  // Deleted or acked while the record was on its way: there is nothing to publish any more.
  if (!subscription || subscription->IsAcked(record.sequence)) {
    if (auto topic = FindIncarnation(record.publish.incarnation)) topic->EndBlock();
    return {};
  }
  Applied applied = Publish(record.publish, place, std::move(batch));
  if (!applied.status.ok()) return applied;
  for (auto& call : subscription->ApplyAcks({{record.sequence, record.sequence}}))
    applied.calls.push_back(std::move(call));
  return applied;
}

State::Applied State::PublishOnce(const KeyedPublishRecord& record, const log::Place& place,
                                  std::shared_ptr<Batch> batch) {
  {
    absl::MutexLock lock(&mutex_);
    if (!keys_.insert(record.key).second) {
      const auto topic = incarnations_.find(record.publish.incarnation);
      if (topic != incarnations_.end()) topic->second->EndBlock();
      return {};
    }
  }
  Applied applied = Publish(record.publish, place, std::move(batch));
  if (applied.status.ok()) return applied;
  absl::MutexLock lock(&mutex_);
  keys_.erase(record.key);
  return applied;
}

void State::ForgetKeys(const ForgetKeysRecord& record) {
  absl::MutexLock lock(&mutex_);
  for (const std::string& key : record.keys) keys_.erase(key);
}

std::vector<std::string> State::Keys() const {
  absl::ReaderMutexLock lock(&mutex_);
  return {keys_.begin(), keys_.end()};
}

void State::Release(const ReleaseRecord& record) {
  for (const auto& topic : Incarnations()) topic->Release(record.segment);
  for (const auto& subscription : AllSubscriptions())
    subscription->RaiseFloor(subscription->topic()->first_sequence() - 1);
  absl::MutexLock lock(&mutex_);
  released_segment_ = std::max(released_segment_, record.segment);
}

StateImage State::Capture() const {
  StateImage image;
  {
    absl::ReaderMutexLock lock(&mutex_);
    image.next_incarnation = next_incarnation_;
    image.released_segment = released_segment_;
    image.keys.assign(keys_.begin(), keys_.end());
  }
  for (const auto& topic : Incarnations()) image.topics.push_back(topic->Capture());
  for (const auto& each : AllSubscriptions()) image.subscriptions.push_back(each->Capture());
  CaptureResources(image);
  return image;
}

absl::Status State::Restore(StateImage image) {
  {
    absl::MutexLock lock(&mutex_);
    next_incarnation_ = image.next_incarnation;
    released_segment_ = image.released_segment;
    keys_.insert(image.keys.begin(), image.keys.end());
    for (TopicImage& each : image.topics) {
      auto topic = std::make_shared<Topic>(each.incarnation, std::move(each.settings),
                                           MessageIndex(each.index, each.end),
                                           each.last_publish_time, each.deleted);
      bool fresh = incarnations_.emplace(each.incarnation, topic).second;
      if (!each.deleted) fresh = topics_.emplace(topic->name(), topic).second && fresh;
      if (!fresh || each.incarnation >= next_incarnation_)
        return JournalContradiction("a snapshot's topic");
    }
  }
  for (SubscriptionImage& each : image.subscriptions)
    AFLUENTE_RETURN_IF_ERROR(RestoreSubscription(std::move(each)));
  return RestoreResources(image);
}

absl::Status State::RestoreSubscription(SubscriptionImage image) {
  AFLUENTE_ASSIGN_OR_RETURN(event::Filter filter, event::Filter::Parse(image.settings.filter));
  SequenceSet acked(image.floor);
  for (auto [first, last] : image.ranges) acked.Add(first, last);
  absl::MutexLock lock(&mutex_);
  auto topic = incarnations_.find(image.topic);
  if (topic == incarnations_.end())
    return JournalContradiction("a snapshot's subscription has no topic");
  std::string name = image.settings.name;
  auto subscription = std::make_shared<Subscription>(surroundings_, image.incarnation,
                                                     topic->second, std::move(image.settings),
                                                     std::move(filter), std::move(acked));
  subscription->RestoreSeeks(image.start, image.seek_generation);
  subscription->ApplyFailures(image.failures);
  bool fresh = subscriptions_.emplace(name, subscription).second &&
               subscription_incarnations_.emplace(image.incarnation, subscription).second;
  if (!fresh || image.incarnation >= next_incarnation_)
    return JournalContradiction("a snapshot's subscription");
  subscriptions_by_topic_.emplace(image.topic, std::move(name));
  return absl::OkStatus();
}

std::shared_ptr<Topic> State::FindTopic(std::string_view name) const {
  absl::ReaderMutexLock lock(&mutex_);
  auto it = topics_.find(name);
  return it == topics_.end() ? nullptr : it->second;
}

std::shared_ptr<Topic> State::FindIncarnation(uint64_t incarnation) const {
  absl::ReaderMutexLock lock(&mutex_);
  auto it = incarnations_.find(incarnation);
  return it == incarnations_.end() ? nullptr : it->second;
}

std::shared_ptr<Subscription> State::FindSubscription(std::string_view name) const {
  absl::ReaderMutexLock lock(&mutex_);
  auto it = subscriptions_.find(name);
  return it == subscriptions_.end() ? nullptr : it->second;
}

std::shared_ptr<Subscription> State::FindSubscriptionIncarnation(uint64_t incarnation) const {
  absl::ReaderMutexLock lock(&mutex_);
  auto it = subscription_incarnations_.find(incarnation);
  return it == subscription_incarnations_.end() ? nullptr : it->second;
}

std::vector<std::shared_ptr<Topic>> State::Incarnations() const {
  std::vector<std::shared_ptr<Topic>> all;
  absl::ReaderMutexLock lock(&mutex_);
  for (const auto& [incarnation, topic] : incarnations_) all.push_back(topic);
  return all;
}

std::vector<std::shared_ptr<Subscription>> State::AllSubscriptions() const {
  std::vector<std::shared_ptr<Subscription>> all;
  absl::ReaderMutexLock lock(&mutex_);
  for (const auto& [name, subscription] : subscriptions_) all.push_back(subscription);
  return all;
}

uint64_t State::released_segment() const {
  absl::ReaderMutexLock lock(&mutex_);
  return released_segment_;
}

bool State::IsSubscribed(uint64_t incarnation) const {
  if (snapshots_->Holds(incarnation)) return true;
  absl::ReaderMutexLock lock(&mutex_);
  auto it = subscriptions_by_topic_.lower_bound({incarnation, ""});
  return it != subscriptions_by_topic_.end() && it->first == incarnation;
}

Page<TopicSettings> State::ListTopics(std::string_view prefix, size_t page_size,
                                      std::string_view page_token) const {
  absl::ReaderMutexLock lock(&mutex_);
  return ListPage<TopicSettings>(topics_, prefix, page_size, page_token, [](const Topic& topic) {
    return std::optional(topic.settings());
  });
}

Page<SubscriptionSettings> State::ListSubscriptions(std::string_view prefix, size_t page_size,
                                                    std::string_view page_token) const {
  absl::ReaderMutexLock lock(&mutex_);
  return ListPage<SubscriptionSettings>(
      subscriptions_, prefix, page_size, page_token,
      [](const Subscription& each) { return std::optional(each.settings()); });
}

Page<std::string> State::ListTopicSubscriptions(const Topic& topic, size_t page_size,
                                                std::string_view page_token) const {
  Page<std::string> page;
  SubscriptionKey from(topic.incarnation(), std::string(page_token));
  absl::ReaderMutexLock lock(&mutex_);
  for (auto it = subscriptions_by_topic_.upper_bound(from);
       it != subscriptions_by_topic_.end() && it->first == topic.incarnation(); ++it) {
    if (subscriptions_.find(it->second)->second->detached()) continue;
    if (page.items.size() == page_size) {
      page.next_page_token = page.items.back();
      break;
    }
    page.items.push_back(it->second);
  }
  return page;
}

}  // namespace afluente::broker
