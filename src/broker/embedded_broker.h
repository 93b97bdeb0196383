#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/synchronization/mutex.h"
#include "broker/broker.h"

namespace afluente::host {
class WorkerPool;
}

namespace afluente::broker {

class DeliveryTransforms;
class Dispatcher;
class Keeper;
class Recorder;
class State;
class Topic;
class TransformChain;
struct Surroundings;

// The broker over any journal: checks what is asked, records it, and answers when it is applied.
class EmbeddedBroker final : public Broker {
 public:
  struct Options {
    uint64_t memory_bytes_max = 128 << 20;
    uint64_t snapshot_every_bytes = 64 << 20;
    uint64_t dead_bytes_max = 512 << 20;       // of the journal, or as much as is needed of it
    uint64_t publish_bytes_max = 64 << 20;     // messages that may wait for the disk
    bool threads = true;                       // false: the owner calls RunDeliveries and RunKeeper
    DeliveryTransforms* transforms = nullptr;  // outlives the broker; null = none
  };
  using OpenJournal =
      absl::FunctionRef<absl::StatusOr<std::unique_ptr<log::Journal>>(log::Recovery&)>;

  // Opens the journal and recovers from it.
  static absl::StatusOr<std::unique_ptr<EmbeddedBroker>> Create(const host::Clock& clock,
                                                                const Options& options,
                                                                OpenJournal open_journal);
  // Consumers and readers are gone by then; waits are dropped without an answer.
  ~EmbeddedBroker() override;

  void Publish(std::string_view topic, std::vector<event::Draft> batch, Published done) override;
  void Lend(absl::FunctionRef<void()> work) override;

  absl::StatusOr<TopicSettings> CreateTopic(TopicSettings settings) override;
  absl::StatusOr<TopicSettings> UpdateTopic(TopicSettings settings) override;
  absl::Status DeleteTopic(std::string_view name) override;
  absl::StatusOr<TopicSettings> GetTopic(std::string_view name) const override;
  absl::StatusOr<Page<TopicSettings>> ListTopics(std::string_view project, size_t page_size,
                                                 std::string_view page_token) const override;
  absl::StatusOr<Page<std::string>> ListTopicSubscriptions(
      std::string_view topic, size_t page_size, std::string_view page_token) const override;
  absl::Status DetachSubscription(std::string_view subscription) override;
  absl::StatusOr<std::unique_ptr<TopicReader>> OpenReader(
      std::string_view topic, std::optional<TopicPosition> resume) override;

  absl::StatusOr<SubscriptionSettings> CreateSubscription(SubscriptionSettings settings) override;
  absl::StatusOr<SubscriptionSettings> UpdateSubscription(SubscriptionSettings settings) override;
  absl::Status DeleteSubscription(std::string_view name) override;
  absl::StatusOr<SubscriptionSettings> GetSubscription(std::string_view name) const override;
  absl::StatusOr<Page<SubscriptionSettings>> ListSubscriptions(
      std::string_view project, size_t page_size, std::string_view page_token) const override;
  absl::StatusOr<std::unique_ptr<Consumer>> OpenConsumer(std::string_view subscription,
                                                         ConsumerOptions options) override;
  void Acknowledge(std::string_view subscription, std::vector<std::string> ack_ids,
                   Done done) override;
  void ModifyAckDeadline(std::string_view subscription, std::vector<std::string> ack_ids,
                         std::chrono::seconds deadline, Done done) override;

  absl::StatusOr<SnapshotSettings> CreateSnapshot(SnapshotSettings settings,
                                                  std::string_view subscription) override;
  absl::StatusOr<SnapshotSettings> UpdateSnapshot(SnapshotSettings settings) override;
  absl::Status DeleteSnapshot(std::string_view name) override;
  absl::StatusOr<SnapshotSettings> GetSnapshot(std::string_view name) const override;
  absl::StatusOr<Page<SnapshotSettings>> ListSnapshots(std::string_view project, size_t page_size,
                                                       std::string_view page_token) const override;
  absl::StatusOr<Page<std::string>> ListTopicSnapshots(std::string_view topic, size_t page_size,
                                                       std::string_view page_token) const override;
  absl::Status Seek(std::string_view subscription, const SeekTarget& target) override;

  absl::StatusOr<SchemaRevision> CreateSchema(SchemaRevision schema) override;
  absl::StatusOr<SchemaRevision> GetSchema(std::string_view name) const override;
  absl::StatusOr<Page<SchemaRevision>> ListSchemas(std::string_view project, size_t page_size,
                                                   std::string_view page_token) const override;
  absl::StatusOr<Page<SchemaRevision>> ListSchemaRevisions(
      std::string_view name, size_t page_size, std::string_view page_token) const override;
  absl::StatusOr<SchemaRevision> CommitSchema(SchemaRevision schema) override;
  absl::StatusOr<SchemaRevision> RollbackSchema(std::string_view name,
                                                std::string_view revision_id) override;
  absl::StatusOr<SchemaRevision> DeleteSchemaRevision(std::string_view name) override;
  absl::Status DeleteSchema(std::string_view name) override;

  absl::StatusOr<Policy> GetPolicy(std::string_view resource) const override;
  absl::StatusOr<Policy> SetPolicy(std::string_view resource, Policy policy) override;

  void PublishKeyed(std::string_view topic, std::string key, event::Draft draft,
                    KeyedPublisher::Settled done) override;
  void ForgetKeys(std::vector<std::string> keys, KeyedPublisher::Settled done) override;
  std::vector<std::string> Keys() const override;

  void AllowCleaning() override;
  BrokerStats Stats() const override;
  void WatchSubscriptions(SubscriptionChanged changed) override;
  void ClockStepped() override;

  // Without threads: leases that ran out and deliveries that wait for the disk.
  void RunDeliveries();
  // Without threads: snapshots and cleaning; waits for the journal.
  void RunKeeper();

 private:
  class JournalRecovery;
  class JournalRecorder;

  EmbeddedBroker(const host::Clock& clock, const Options& options);
  absl::StatusOr<std::shared_ptr<Topic>> FindResumed(std::string_view name,
                                                     const TopicPosition& resume) const;

  // Makes it the newest of its schema, under a new id.
  absl::StatusOr<SchemaRevision> RecordRevision(SchemaRevision revision);
  void AppendPublish(const std::shared_ptr<Topic>& topic, std::vector<event::Draft> drafts,
                     uint64_t bytes, Published done);
  // To a topic with a schema or transforms. `bytes` are admitted.
  void PublishByRules(std::shared_ptr<Topic> topic, std::vector<event::Draft> drafts,
                      uint64_t bytes, Published done);
  // What a topic with a schema or transforms makes of drafts; those that it drops are taken out.
  absl::Status ApplyRules(const Topic& topic, std::vector<event::Draft>& drafts) const;
  void PublishOnWorker(std::shared_ptr<Topic> topic, std::vector<event::Draft> drafts,
                       uint64_t bytes, Published done);
  // Leaves those that are kept in `drafts`; tells of each whether it was.
  absl::StatusOr<std::vector<bool>> Transform(const TransformChain& transforms,
                                              std::vector<event::Draft>& drafts) const;
  // INVALID_ARGUMENT when a message does not fit the topic's schema; else says in its attributes
  // what it fits.
  absl::Status FitSchema(const Topic& topic, std::vector<event::Draft>& drafts) const;

  // NOT_FOUND when the dead letters' topic is not there.
  absl::Status CheckDeadLetterTopic(const SubscriptionSettings& settings) const;
  void TellWatch(const std::string& subscription);
  // False when too much waits for the disk already.
  bool Admit(uint64_t bytes);

  const host::Clock& clock_;
  const uint64_t publish_bytes_max_;
  std::atomic<uint64_t> waiting_bytes_{0};  // published, not yet on disk
  std::unique_ptr<Recorder> recorder_;
  std::unique_ptr<Dispatcher> dispatcher_;
  std::unique_ptr<Surroundings> surroundings_;
  std::unique_ptr<State> state_;
  std::unique_ptr<Keeper> keeper_;
  mutable absl::Mutex watch_mutex_;
  // Shared with the calls that are being made.
  std::shared_ptr<const SubscriptionChanged> watch_ ABSL_GUARDED_BY(watch_mutex_);
  // Last: its thread uses all the others until it is gone.
  std::unique_ptr<log::Journal> journal_;
  std::unique_ptr<host::WorkerPool> transforming_;  // null without threads: callers do it
};

}  // namespace afluente::broker
