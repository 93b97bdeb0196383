#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "broker/records.h"
#include "broker/topics.h"

namespace afluente::broker::log {
struct Place;
}

namespace afluente::broker {

class PolicyTable;
class SchemaTable;
class SnapshotTable;
class Subscription;
class Topic;
struct StateImage;
struct SubscriptionImage;
struct Surroundings;

// The broker's durable state: what replaying the journal gives. It changes in Apply only, whose
// answer follows from the records before alone, so that live and recovered states are the same.
// Apply, Capture and Restore run on one thread at a time (the journal's); the rest on any thread.
class State {
 public:
  State(const Surroundings& surroundings, uint64_t memory_bytes_max);
  ~State();

  struct Applied {
    absl::Status status;                            // what the record's author is told
    std::vector<absl::AnyInvocable<void()>> calls;  // to be made without locks
  };
  // `batch` holds the messages of a live publish record, and is null in recovery.
  Applied Apply(const Record& record, const log::Place& place, std::shared_ptr<Batch> batch);

  StateImage Capture() const;
  // Into an empty state. DATA_LOSS when parts of the image contradict each other.
  absl::Status Restore(StateImage image);

  std::shared_ptr<Topic> FindTopic(std::string_view name) const;
  std::shared_ptr<Topic> FindIncarnation(uint64_t incarnation) const;
  std::shared_ptr<Subscription> FindSubscription(std::string_view name) const;
  std::vector<std::shared_ptr<Topic>> Incarnations() const;
  std::vector<std::shared_ptr<Subscription>> AllSubscriptions() const;
  uint64_t released_segment() const;
  // Of keyed publishes.
  std::vector<std::string> Keys() const;
  const SnapshotTable& snapshots() const { return *snapshots_; }
  const SchemaTable& schemas() const { return *schemas_; }
  const PolicyTable& policies() const { return *policies_; }
  // Whether there is a topic, subscription, snapshot or schema of that name.
  bool HasResource(std::string_view name) const;
  // Whether a subscription or a snapshot still reads the incarnation.
  bool IsSubscribed(uint64_t incarnation) const;

  Page<TopicSettings> ListTopics(std::string_view prefix, size_t page_size,
                                 std::string_view page_token) const;
  Page<SubscriptionSettings> ListSubscriptions(std::string_view prefix, size_t page_size,
                                               std::string_view page_token) const;
  Page<std::string> ListTopicSubscriptions(const Topic& topic, size_t page_size,
                                           std::string_view page_token) const;

 private:
  struct Visitor;
  using SubscriptionKey = std::pair<uint64_t, std::string>;  // topic incarnation, name

  Applied Publish(const PublishRecord& record, const log::Place& place,
                  std::shared_ptr<Batch> batch);
  Applied Acks(const AcksRecord& record);
  Applied Bury(const DeadLetterRecord& record, const log::Place& place,
               std::shared_ptr<Batch> batch);
  Applied PublishOnce(const KeyedPublishRecord& record, const log::Place& place,
                      std::shared_ptr<Batch> batch);
  void ForgetKeys(const ForgetKeysRecord& record);
  std::shared_ptr<Subscription> FindSubscriptionIncarnation(uint64_t incarnation) const;
  absl::Status CreateTopic(const CreateTopicRecord& record);
  absl::Status UpdateTopic(const UpdateTopicRecord& record);
  absl::Status DeleteTopic(const DeleteTopicRecord& record);
  absl::Status ForgetTopic(const ForgetTopicRecord& record);
  absl::Status CreateSubscription(const CreateSubscriptionRecord& record);
  Applied UpdateSubscription(const UpdateSubscriptionRecord& record);
  Applied DeleteSubscription(const DeleteSubscriptionRecord& record);
  void Release(const ReleaseRecord& record);
  // state_resources.cc
  Applied ApplyResource(const CreateSnapshotRecord& record);
  Applied ApplyResource(const UpdateSnapshotRecord& record);
  Applied ApplyResource(const DeleteSnapshotRecord& record);
  Applied ApplyResource(const SeekToTimeRecord& record);
  Applied ApplyResource(const SeekToSnapshotRecord& record);
  Applied ApplyResource(const DetachSubscriptionRecord& record);
  Applied ApplyResource(const CreateSchemaRecord& record);
  Applied ApplyResource(const CommitSchemaRecord& record);
  Applied ApplyResource(const DeleteSchemaRevisionRecord& record);
  Applied ApplyResource(const DeleteSchemaRecord& record);
  Applied ApplyResource(const SetPolicyRecord& record);
  absl::Status CheckSchemaOf(const TopicSettings& settings) const;
  void CaptureResources(StateImage& image) const;
  absl::Status RestoreResources(StateImage& image);
  void Remember(const std::shared_ptr<Topic>& topic, uint64_t memory_bytes);
  absl::Status RestoreSubscription(SubscriptionImage image);

  const Surroundings& surroundings_;
  const uint64_t memory_bytes_max_;

  // Batches in memory, oldest first, over all topics. Touched by the applying thread only.
  std::deque<std::pair<std::shared_ptr<Topic>, uint64_t>> remembered_;
  uint64_t remembered_bytes_ = 0;

  // Each with its own mutex; never called with mutex_ held.
  const std::unique_ptr<SnapshotTable> snapshots_;
  const std::unique_ptr<SchemaTable> schemas_;
  const std::unique_ptr<PolicyTable> policies_;

  mutable absl::Mutex mutex_;
  uint64_t next_incarnation_ ABSL_GUARDED_BY(mutex_) = 1;
  uint64_t released_segment_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::btree_set<std::string> keys_ ABSL_GUARDED_BY(mutex_);
  absl::btree_map<std::string, std::shared_ptr<Topic>, std::less<>> topics_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<uint64_t, std::shared_ptr<Topic>> incarnations_ ABSL_GUARDED_BY(mutex_);
  absl::btree_map<std::string, std::shared_ptr<Subscription>, std::less<>> subscriptions_
      ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<uint64_t, std::shared_ptr<Subscription>> subscription_incarnations_
      ABSL_GUARDED_BY(mutex_);
  absl::btree_set<SubscriptionKey> subscriptions_by_topic_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace afluente::broker
