#include "broker/embedded_broker.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "broker/dispatcher.h"
#include "broker/errors.h"
#include "broker/keeper.h"
#include "broker/limits.h"
#include "broker/recorder.h"
#include "broker/snapshot.h"
#include "broker/state.h"
#include "broker/subscription.h"
#include "broker/surroundings.h"
#include "broker/topic.h"
#include "host/check.h"
#include "host/worker_pool.h"

namespace afluente::broker {
namespace {

constexpr int kTransformThreads = 2;
constexpr size_t kTransformsWaiting = 10'000;  // publishes; their bytes have a limit of their own
std::shared_ptr<Batch> BatchOf(std::vector<event::Draft> drafts) {
  auto batch = std::make_shared<Batch>();
  batch->messages.reserve(drafts.size());
  for (event::Draft& draft : drafts) {
    event::Message& message = batch->messages.emplace_back();
    message.data = std::move(draft.data);
    message.attributes = std::move(draft.attributes);
    message.ordering_key = std::move(draft.ordering_key);
    batch->memory_bytes += SizeOf(message) + sizeof(event::Message);
  }
  return batch;
}

}  // namespace

// Applies what the journal holds as the live path would.
class EmbeddedBroker::JournalRecovery final : public log::Recovery {
 public:
  explicit JournalRecovery(EmbeddedBroker& broker) : broker_(broker) {}

  absl::Status OnSnapshot(std::string_view bytes) override {
    AFLUENTE_ASSIGN_OR_RETURN(StateImage image, DecodeSnapshot(bytes));
    return broker_.state_->Restore(std::move(image));
  }

  absl::Status OnRecord(const log::Place& place, std::string_view payload) override {
    absl::StatusOr<Record> record = Decode(payload);
    if (!record.ok()) {
      return absl::DataLossError(absl::StrCat("segment ", place.segment, " offset ", place.offset,
                                              ": ", std::string(record.status().message())));
    }
    State::Applied applied = broker_.state_->Apply(*record, place, nullptr);
    broker_.keeper_->NoteRecovered(place);
    // Any other error is what the record's author was told.
    return absl::IsDataLoss(applied.status) ? applied.status : absl::OkStatus();
  }

 private:
  EmbeddedBroker& broker_;
};

namespace {

constexpr uint64_t kAckBytesMax = 32 << 20;  // acks that may wait for the disk

// About what a record of acks takes until it is answered.
uint64_t CostOf(const AcksRecord& record) {
  uint64_t bytes = 512;
  for (auto [first, last] : record.ranges) bytes += 48 + 8 * (last - first + 1);
  return bytes;
}

}  // namespace

// Applies records when they are synced, on the journal's thread.
class EmbeddedBroker::JournalRecorder final : public Recorder {
 public:
  explicit JournalRecorder(EmbeddedBroker& broker) : broker_(broker) {}

  void Append(Record record, Done done) override {
    std::string payload = Encode(record);
    const auto* acks = std::get_if<AcksRecord>(&record);
    // Here, as for publishes: what the journal refuses still waits there for its answer.
    uint64_t bytes = acks == nullptr ? 0 : CostOf(*acks);
    if (waiting_bytes_.fetch_add(bytes, std::memory_order_relaxed) > kAckBytesMax && bytes > 0) {
      waiting_bytes_.fetch_sub(bytes, std::memory_order_relaxed);
      done(AckQueueFull(kAckBytesMax));
      return;
    }
    broker_.journal_->Append(std::move(payload),
                             [this, bytes, record = std::move(record),
                              done = std::move(done)](absl::StatusOr<log::Place> place) mutable {
                               waiting_bytes_.fetch_sub(bytes, std::memory_order_relaxed);
                               done(place.ok() ? Settle(record, *place, nullptr) : place.status());
                             });
  }

  void Bury(DeadLetter letter, Done done) override {
    std::shared_ptr<Topic> topic = broker_.state_->FindTopic(letter.topic);
    if (!topic) return done(ResourceNotFound(letter.topic));
    DeadLetterRecord record;
    record.publish.incarnation = topic->incarnation();
    record.publish.count = 1;
    record.subscription = letter.subscription;
    record.sequence = letter.sequence;
    std::string payload =
        EncodeDeadLetter(topic->incarnation(), letter.subscription, letter.sequence, letter.draft);
    std::vector<event::Draft> drafts;
    drafts.push_back(std::move(letter.draft));
    std::shared_ptr<Batch> batch = BatchOf(std::move(drafts));
    Batch* unsent = batch.get();
    topic->publish_order().Append(
        *broker_.journal_, broker_.clock_, std::move(payload), unsent,
        [this, record, batch = std::move(batch),
         done = std::move(done)](absl::StatusOr<log::Place> place) mutable {
          record.publish.publish_time = batch->publish_time;
          done(place.ok() ? Settle(record, *place, std::move(batch)) : place.status());
        });
  }

  absl::Status Settle(const Record& record, const log::Place& place, std::shared_ptr<Batch> batch) {
    State::Applied applied = broker_.state_->Apply(record, place, std::move(batch));
    broker_.keeper_->Note(place);
    for (auto& call : applied.calls) call();
    const std::string* changed = ChangedSubscription(record);
    if (changed != nullptr && applied.status.ok()) broker_.TellWatch(*changed);
    return std::move(applied.status);
  }

 private:
  EmbeddedBroker& broker_;
  std::atomic<uint64_t> waiting_bytes_{0};  // of acks, not yet on disk
};

EmbeddedBroker::EmbeddedBroker(const host::Clock& clock, const Options& options)
    : clock_(clock),
      publish_bytes_max_(options.publish_bytes_max),
      recorder_(std::make_unique<JournalRecorder>(*this)),
      dispatcher_(std::make_unique<Dispatcher>(clock)),
      surroundings_(new Surroundings{clock, *recorder_, *dispatcher_, nullptr, options.transforms}),
      state_(std::make_unique<State>(*surroundings_, options.memory_bytes_max)),
      keeper_(std::make_unique<Keeper>(*state_, *surroundings_, options.snapshot_every_bytes,
                                       options.dead_bytes_max)) {}

absl::StatusOr<std::unique_ptr<EmbeddedBroker>> EmbeddedBroker::Create(const host::Clock& clock,
                                                                       const Options& options,
                                                                       OpenJournal open_journal) {
  std::unique_ptr<EmbeddedBroker> broker(new EmbeddedBroker(clock, options));
  JournalRecovery recovery(*broker);
  AFLUENTE_ASSIGN_OR_RETURN(broker->journal_, open_journal(recovery));
  broker->surroundings_->journal = broker->journal_.get();
  if (options.threads) {
    broker->transforming_ =
        std::make_unique<host::WorkerPool>(kTransformThreads, kTransformsWaiting);
    broker->dispatcher_->Start();
    broker->keeper_->Start();
  }
  return broker;
}

EmbeddedBroker::~EmbeddedBroker() {
  // They append: the journal goes after them.
  transforming_ = nullptr;
  keeper_->Stop();
  dispatcher_->Stop();
}

bool EmbeddedBroker::Admit(uint64_t bytes) {
  uint64_t waiting = waiting_bytes_.fetch_add(bytes, std::memory_order_relaxed);
  // One batch alone is always let in.
  if (waiting == 0 || waiting + bytes <= publish_bytes_max_) return true;
  waiting_bytes_.fetch_sub(bytes, std::memory_order_relaxed);
  return false;
}

void EmbeddedBroker::Publish(std::string_view topic_name, std::vector<event::Draft> drafts,
                             Published done) {
  std::shared_ptr<Topic> topic = state_->FindTopic(topic_name);
  absl::Status refused = topic ? CheckBatch(drafts) : CheckTopicName(topic_name);
  if (!topic && refused.ok()) refused = ResourceNotFound(topic_name);
  uint64_t bytes = 0;
  if (refused.ok()) {
    for (const event::Draft& draft : drafts) bytes += draft.data.size() + sizeof(event::Message);
    // Here, not by the journal alone: what it refuses still waits there for its answer.
    if (!Admit(bytes)) refused = PublishQueueFull(publish_bytes_max_);
  }
  if (!refused.ok()) {
    done(std::move(refused));
    return;
  }
  if (!topic->has_rules()) {
    AppendPublish(topic, std::move(drafts), bytes, std::move(done));
  } else if (transforming_ == nullptr || topic->transforms() == nullptr) {
    PublishByRules(std::move(topic), std::move(drafts), bytes, std::move(done));
  } else {
    PublishOnWorker(std::move(topic), std::move(drafts), bytes, std::move(done));
  }
}

void EmbeddedBroker::AppendPublish(const std::shared_ptr<Topic>& topic,
                                   std::vector<event::Draft> drafts, uint64_t bytes,
                                   Published done) {
  uint64_t incarnation = topic->incarnation();
  std::string payload = EncodePublish(incarnation, drafts);
  std::shared_ptr<Batch> batch = BatchOf(std::move(drafts));
  Batch* unsent = batch.get();
  auto* recorder = static_cast<JournalRecorder*>(recorder_.get());
  topic->publish_order().Append(
      *journal_, clock_, std::move(payload), unsent,
      [this, recorder, topic, incarnation, bytes, batch = std::move(batch),
       done = std::move(done)](absl::StatusOr<log::Place> place) mutable {
        waiting_bytes_.fetch_sub(bytes, std::memory_order_relaxed);
        if (!place.ok()) {
          done(std::move(place).status());
          return;
        }
        auto count = static_cast<uint32_t>(batch->messages.size());
        absl::Status settled =
            recorder->Settle(PublishRecord{incarnation, batch->publish_time, count}, *place, batch);
        if (!settled.ok()) {
          done(std::move(settled));
          return;
        }
        topic->counters().Published(*batch);
        std::vector<std::string> ids;
        ids.reserve(count);
        for (const event::Message& message : batch->messages) ids.push_back(message.message_id);
        done(std::move(ids));
      });
}

void EmbeddedBroker::PublishKeyed(std::string_view topic_name, std::string key, event::Draft draft,
                                  KeyedPublisher::Settled done) {
  std::shared_ptr<Topic> topic = state_->FindTopic(topic_name);
  if (!topic) return done(ResourceNotFound(topic_name));
  std::vector<event::Draft> drafts;
  drafts.push_back(std::move(draft));
  absl::Status refused = CheckBatch(drafts);
  if (refused.ok() && topic->has_rules()) refused = ApplyRules(*topic, drafts);
  // A transform of the topic's dropped it, as it would again.
  if (!refused.ok() || drafts.empty()) return done(std::move(refused));
  KeyedPublishRecord record{{topic->incarnation(), {}, 1}, std::move(key)};
  std::string payload = EncodeKeyedPublish(topic->incarnation(), record.key, drafts.front());
  std::shared_ptr<Batch> batch = BatchOf(std::move(drafts));
  Batch* unsent = batch.get();
  auto* recorder = static_cast<JournalRecorder*>(recorder_.get());
  topic->publish_order().Append(
      *journal_, clock_, std::move(payload), unsent,
      [recorder, topic, record = std::move(record), batch = std::move(batch),
       done = std::move(done)](absl::StatusOr<log::Place> place) mutable {
        record.publish.publish_time = batch->publish_time;
        done(place.ok() ? recorder->Settle(record, *place, batch) : place.status());
      });
}

void EmbeddedBroker::ForgetKeys(std::vector<std::string> keys, KeyedPublisher::Settled done) {
  recorder_->Append(ForgetKeysRecord{std::move(keys)}, std::move(done));
}

std::vector<std::string> EmbeddedBroker::Keys() const { return state_->Keys(); }

void EmbeddedBroker::Lend(absl::FunctionRef<void()> work) { journal_->Lend(work); }

BrokerStats EmbeddedBroker::Stats() const {
  BrokerStats stats;
  for (const auto& topic : state_->Incarnations()) {
    if (topic->deleted()) continue;
    uint64_t last = topic->last_sequence();
    TopicCounters& counters = topic->counters();
    stats.topics.push_back({topic->name(), last, last + 1 - topic->first_sequence(),
                            counters.messages.value(), counters.bytes.value(),
                            counters.sizes.Counts()});
  }
  host::WallTime now = clock_.Now();
  for (const auto& each : state_->AllSubscriptions())
    stats.subscriptions.push_back(each->Stats(now));
  stats.journal_bytes = journal_->bytes_on_disk();
  return stats;
}

void EmbeddedBroker::AllowCleaning() { keeper_->AllowCleaning(); }

void EmbeddedBroker::RunDeliveries() { dispatcher_->RunDue(); }

void EmbeddedBroker::RunKeeper() { keeper_->RunDue(); }

}  // namespace afluente::broker
