// Random publishes, pulls, acks, nacks, expiries, refusals and crashes against a simple model.
#include <cstdlib>
#include <map>
#include <random>
#include <set>

#include "broker/broker_harness.h"
#include "gtest/gtest.h"

namespace afluente::broker {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct Lease {
  std::string ack_id;
  host::MonotonicTime deadline;
  bool held = false;  // acked, and an earlier message of its key was out
};

struct SubscriptionModel {
  SubscriptionSettings settings;
  std::unique_ptr<Consumer> consumer;
  std::set<std::string> acked;        // answered: never delivered again
  std::set<std::string> maybe_acked;  // asked, and the crash came before the answer
  std::map<std::string, Lease> leases;
  std::vector<std::string> old_ack_ids;
  struct Past {
    std::string text;
    int life = 0;
    int delivery = 0;  // its number among all
  };
  std::map<std::string, Past> past;       // by ack id
  std::map<std::string, int> deliveries;  // the newest of each message

  const std::string& text_of(const std::string& ack_id) { return past.at(ack_id).text; }
};

struct MessageModel {
  std::string key;
  bool audit = false;
  uint64_t sequence = 0;  // 0 = not seen yet
};

class Game {
 public:
  explicit Game(uint64_t seed) : random_(seed), harness_(RandomOptions()) {
    harness_.CreateTopic();
    const char* names[] = {"plain", "ordered", "filtered"};
    for (int i = 0; i < 3; ++i) {
      SubscriptionModel model;
      model.settings.name = std::string("projects/p/subscriptions/") + names[i];
      model.settings.enable_message_ordering = i > 0;
      if (i == 2) model.settings.filter = "attributes:audit";
      harness_.Subscribe(model.settings);
      subscriptions_.push_back(std::move(model));
    }
    OpenConsumers();
  }

  void Play(int steps) {
    for (int i = 0; i < steps && !::testing::Test::HasFatalFailure(); ++i) Step();
    Finish();
  }

 private:
  EmbeddedBroker::Options RandomOptions() {
    EmbeddedBroker::Options options;
    const uint64_t memory[] = {0, 600, 1 << 20};
    options.memory_bytes_max = memory[Pick(3)];
    options.snapshot_every_bytes = 500 + Pick(5000);
    options.dead_bytes_max = Pick(2) == 0 ? 0 : 20'000;
    return options;
  }
  uint64_t Pick(uint64_t below) { return random_() % below; }
  SubscriptionModel& AnySubscription() { return subscriptions_[Pick(subscriptions_.size())]; }

  void OpenConsumers() {
    for (SubscriptionModel& each : subscriptions_) {
      ConsumerOptions options;
      options.outstanding_messages_max = static_cast<int64_t>(1 + Pick(20));
      each.consumer = harness_.Open(options, each.settings.name);
    }
  }

  void Step() {
    switch (Pick(14)) {
      case 0:
      case 1:
      case 2:
        return Publish();
      case 3:
      case 4:
        return PullSome(AnySubscription());
      case 5:
        return PullByConsumer(AnySubscription());
      case 6:
      case 7:
      case 8:
        return AckSome(AnySubscription());
      case 9:
        return NackSome(AnySubscription());
      case 10:
        return ExtendSome(AnySubscription());
      case 11:
        return Advance(milliseconds(Pick(6000)));
      case 12:
        return Refuse();
      default:
        if (Pick(4) == 0) Crash();
    }
  }

  std::vector<std::string> PublishInto(BrokerHarness::Ids* answer) {
    std::vector<event::Draft> drafts;
    std::vector<std::string> texts;
    for (uint64_t i = 0, count = 1 + Pick(6); i < count; ++i) {
      std::string text = "m" + std::to_string(++texts_made_);
      MessageModel& message = messages_[text];
      message.key = Pick(3) == 0 ? "" : std::string(1, static_cast<char>('a' + Pick(4)));
      message.audit = Pick(3) == 0;
      event::Attributes attributes;
      if (message.audit) attributes.emplace_back("audit", "1");
      drafts.push_back(Text(text, message.key, std::move(attributes)));
      texts.push_back(text);
    }
    *answer = harness_.Publish(std::move(drafts));
    return texts;
  }

  void Publish() {
    BrokerHarness::Ids ids;
    std::vector<std::string> texts = PublishInto(&ids);
    ASSERT_TRUE(ids.ok()) << ids.status();
    published_.insert(texts.begin(), texts.end());
  }

  void Refuse() {
    harness_.journal().Refuse(absl::UnavailableError("refused"));
    BrokerHarness::Ids ids;
    for (const std::string& text : PublishInto(&ids)) messages_.erase(text);
    ASSERT_TRUE(absl::IsUnavailable(ids.status()));
    SubscriptionModel& subscription = AnySubscription();
    auto chosen = ChooseAckIds(subscription);
    // OK when none of them had to be stored; else no message is acked by it.
    harness_.Ack(chosen, subscription.settings.name).status.IgnoreError();
    AckModel(subscription, chosen, /*refused=*/true);
    EndExpired();
    harness_.journal().Refuse(absl::OkStatus());
  }

  bool Runs(const Lease& lease) const { return lease.held || lease.deadline > now_; }

  void Check(SubscriptionModel& subscription, const std::vector<Delivered>& delivered,
             seconds deadline) {
    std::set<std::string> here;
    for (const Delivered& each : delivered) {
      const std::string& text = each.message->data;
      ASSERT_TRUE(messages_.contains(text)) << text << " was refused or never published";
      MessageModel& message = messages_[text];
      ASSERT_TRUE(message.sequence == 0 || message.sequence == each.message->sequence);
      message.sequence = each.message->sequence;
      ASSERT_TRUE(by_sequence_.emplace(message.sequence, text).first->second == text);
      published_.insert(text);  // what a crash left open is in now
      ASSERT_EQ(each.message->ordering_key, message.key);
      ASSERT_FALSE(subscription.acked.contains(text)) << text << " was acked";
      ASSERT_TRUE(subscription.settings.filter.empty() || message.audit);
      auto lease = subscription.leases.find(text);
      ASSERT_TRUE(lease == subscription.leases.end() || !Runs(lease->second))
          << text << " is under a lease";
      if (IsOrdered(subscription, message)) CheckOrder(subscription, message, here);
      here.insert(text);
    }
    for (const Delivered& each : delivered) {
      subscription.leases[each.message->data] = {each.ack_id, now_ + deadline};
      subscription.past[each.ack_id] = {each.message->data, life_, ++deliveries_};
      subscription.deliveries[each.message->data] = deliveries_;
      subscription.maybe_acked.erase(each.message->data);
      subscription.old_ack_ids.push_back(each.ack_id);
    }
  }

  static bool IsOrdered(const SubscriptionModel& subscription, const MessageModel& message) {
    return subscription.settings.enable_message_ordering && !message.key.empty();
  }
  // The earlier messages of its key that the subscription is to deliver, ascending.
  std::vector<std::string> Earlier(const SubscriptionModel& subscription,
                                   const MessageModel& message) {
    std::vector<std::string> earlier;
    if (!IsOrdered(subscription, message)) return earlier;
    for (const auto& [sequence, text] : by_sequence_) {
      if (sequence >= message.sequence) break;
      const MessageModel& other = messages_[text];
      if (other.key == message.key && (subscription.settings.filter.empty() || other.audit))
        earlier.push_back(text);
    }
    return earlier;
  }

  // Every earlier message of the key is acked or came before in the same answer.
  void CheckOrder(SubscriptionModel& subscription, const MessageModel& message,
                  const std::set<std::string>& here) {
    for (const std::string& text : Earlier(subscription, message)) {
      if (here.contains(text)) continue;
      // What a crash left open is in now: it must not come any more.
      if (subscription.maybe_acked.erase(text) > 0) subscription.acked.insert(text);
      ASSERT_TRUE(subscription.acked.contains(text))
          << by_sequence_[message.sequence] << " overtook " << text;
    }
  }

  void PullSome(SubscriptionModel& subscription) {
    auto answer = harness_.Pull(1 + Pick(10), subscription.settings.name);
    if (answer.value) {
      ASSERT_TRUE(answer.value->ok()) << answer.value->status();
      Check(subscription, **answer.value, seconds(10));
    }
  }

  void PullByConsumer(SubscriptionModel& subscription) {
    auto answer = harness_.Next(*subscription.consumer, 1 + Pick(10));
    if (!answer->value) {
      // Ends the wait, so that what comes is checked when it comes.
      subscription.consumer = nullptr;
      ConsumerOptions options;
      options.outstanding_messages_max = static_cast<int64_t>(1 + Pick(20));
      subscription.consumer = harness_.Open(options, subscription.settings.name);
      return;
    }
    ASSERT_TRUE(answer->value->ok()) << answer->value->status();
    Check(subscription, **answer->value, seconds(10));
  }

  // Some of the newest deliveries, and now and then an old one.
  std::vector<std::string> ChooseAckIds(SubscriptionModel& subscription) {
    std::vector<std::string> ids;
    for (const auto& [text, lease] : subscription.leases) {
      if (!lease.held && Pick(2) == 0) ids.push_back(lease.ack_id);
    }
    if (!subscription.old_ack_ids.empty() && Pick(3) == 0)
      ids.push_back(subscription.old_ack_ids[Pick(subscription.old_ack_ids.size())]);
    return ids;
  }

  // The leases whose newest ack ids these are. An ordered message takes its followers along.
  void EndLeases(SubscriptionModel& subscription, const std::vector<std::string>& ack_ids) {
    for (const std::string& id : ack_ids) {
      const std::string& text = subscription.text_of(id);
      auto lease = subscription.leases.find(text);
      if (lease == subscription.leases.end() || lease->second.ack_id != id || lease->second.held)
        continue;
      EndFollowers(subscription, text);
      subscription.leases.erase(text);
    }
  }
  void EndFollowers(SubscriptionModel& subscription, const std::string& text) {
    const MessageModel& failed = messages_[text];
    if (!IsOrdered(subscription, failed)) return;
    for (auto it = subscription.leases.begin(); it != subscription.leases.end();) {
      const MessageModel& other = messages_[it->first];
      bool follows = other.key == failed.key && other.sequence > failed.sequence;
      it = follows ? subscription.leases.erase(it) : std::next(it);
    }
  }

  void AckSome(SubscriptionModel& subscription) {
    std::vector<std::string> ids = ChooseAckIds(subscription);
    ASSERT_TRUE(harness_.Ack(ids, subscription.settings.name).ok());
    AckModel(subscription, ids, /*refused=*/false);
  }

  // Whether all before the message in its key is acked.
  bool Leads(const SubscriptionModel& subscription, const std::string& text,
             const std::set<std::string>& taken) {
    for (const std::string& other : Earlier(subscription, messages_[text])) {
      if (!subscription.acked.contains(other) && !taken.contains(other)) return false;
    }
    return true;
  }
  // Whether no earlier message of the key was delivered after the delivery with this ack id.
  bool Stands(SubscriptionModel& subscription, const std::string& id) {
    const SubscriptionModel::Past& past = subscription.past.at(id);
    if (!IsOrdered(subscription, messages_[past.text])) return true;
    if (past.life != life_) return false;
    for (const std::string& other : Earlier(subscription, messages_[past.text])) {
      if (subscription.deliveries[other] > past.delivery) return false;
    }
    return true;
  }

  // An ack of a delivery that stands counts when all before it in its key are acked; until then the
  // newest one's is held.
  void AckModel(SubscriptionModel& subscription, const std::vector<std::string>& ids,
                bool refused) {
    std::multimap<uint64_t, std::string> ascending;
    for (const std::string& id : ids)
      ascending.emplace(messages_[subscription.text_of(id)].sequence, id);
    std::set<std::string> taken;
    for (const auto& [sequence, id] : ascending) {
      const std::string& text = subscription.text_of(id);
      if (subscription.acked.contains(text) || !Stands(subscription, id)) continue;
      auto lease = subscription.leases.find(text);
      if (Leads(subscription, text, taken)) {
        taken.insert(text);
        if (!refused) subscription.acked.insert(text);
        if (!refused) subscription.leases.erase(text);
      } else if (lease != subscription.leases.end() && lease->second.ack_id == id) {
        lease->second.held = true;
      }
      LetGo(subscription, taken, refused);
    }
  }

  // Held acks that nothing is before any more.
  void LetGo(SubscriptionModel& subscription, std::set<std::string>& taken, bool refused) {
    for (const auto& [sequence, text] : by_sequence_) {
      auto lease = subscription.leases.find(text);
      if (lease == subscription.leases.end() || !lease->second.held ||
          !Leads(subscription, text, taken))
        continue;
      taken.insert(text);
      lease->second.held = false;
      if (refused) continue;  // it runs on
      subscription.acked.insert(text);
      subscription.leases.erase(lease);
    }
  }

  void NackSome(SubscriptionModel& subscription) {
    std::vector<std::string> ids = ChooseAckIds(subscription);
    if (ids.size() > 2) ids.resize(2);
    ASSERT_TRUE(harness_.Modify(ids, seconds(0), subscription.settings.name).ok());
    EndLeases(subscription, ids);
  }

  void ExtendSome(SubscriptionModel& subscription) {
    std::vector<std::string> ids = ChooseAckIds(subscription);
    ASSERT_TRUE(harness_.Modify(ids, seconds(20), subscription.settings.name).ok());
    for (const std::string& id : ids) {
      auto lease = subscription.leases.find(subscription.text_of(id));
      if (lease != subscription.leases.end() && lease->second.ack_id == id && !lease->second.held)
        lease->second.deadline = now_ + seconds(20);
    }
  }

  void Advance(milliseconds by) {
    harness_.Advance(by);
    now_ += by;
    EndExpired();
  }
  void EndExpired() {
    for (SubscriptionModel& each : subscriptions_) {
      std::vector<std::string> expired;
      for (const auto& [text, lease] : each.leases) {
        if (!Runs(lease)) expired.push_back(lease.ack_id);
      }
      EndLeases(each, expired);
    }
  }

  void Crash() {
    harness_.journal().Hold(true);
    for (uint64_t i = Pick(3); i > 0; --i) {
      BrokerHarness::Ids ids;
      PublishInto(&ids);
    }
    for (SubscriptionModel& each : subscriptions_) {
      std::vector<std::string> ids = ChooseAckIds(each);
      harness_.Ack(ids, each.settings.name).status.IgnoreError();
      for (const std::string& id : ids) each.maybe_acked.insert(each.text_of(id));
      for (const auto& [text, lease] : each.leases) {
        if (lease.held) each.maybe_acked.insert(text);
      }
      each.consumer = nullptr;
    }
    Advance(milliseconds(1));  // as any restart takes
    ++life_;
    ASSERT_TRUE(harness_.CrashAndRestart(Pick(5)).ok());
    if (Pick(2) == 0) harness_.broker().AllowCleaning();
    for (SubscriptionModel& each : subscriptions_) each.leases.clear();
    OpenConsumers();
  }

  // Everything that was answered comes until it is acked, and then nothing comes.
  void Finish() {
    Advance(seconds(30));
    for (SubscriptionModel& each : subscriptions_) {
      for (int round = 0; round < 10'000; ++round) {
        auto answer = harness_.Pull(1 + Pick(50), each.settings.name);
        if (!answer.value) break;
        ASSERT_TRUE(answer.value->ok());
        Check(each, **answer.value, seconds(10));
        ASSERT_TRUE(harness_.Ack(answer.ack_ids(), each.settings.name).ok());
        AckModel(each, answer.ack_ids(), /*refused=*/false);
      }
      for (const std::string& text : published_) {
        if (!each.settings.filter.empty() && !messages_[text].audit) continue;
        ASSERT_TRUE(each.acked.contains(text) || each.maybe_acked.contains(text))
            << text << " was never delivered on " << each.settings.name;
      }
    }
    ASSERT_EQ(harness_.Backlog("projects/p/subscriptions/plain"), 0);
    CheckReader();
  }

  void CheckReader() {
    auto reader = *harness_.broker().OpenReader(kTopic, std::nullopt);
    uint64_t next = reader->first_sequence();
    while (next <= reader->last_sequence()) {
      auto batch = reader->Read(next - 1, 7, 1 << 20);
      ASSERT_TRUE(batch.ok()) << batch.status();
      ASSERT_FALSE(batch->empty());
      for (const auto& message : *batch) {
        ASSERT_EQ(message->sequence, next++);
        auto known = by_sequence_.find(message->sequence);
        ASSERT_TRUE(known == by_sequence_.end() || known->second == message->data);
      }
    }
  }

  std::mt19937_64 random_;
  BrokerHarness harness_;
  host::MonotonicTime now_{};
  int texts_made_ = 0;
  int life_ = 0;
  int deliveries_ = 0;
  std::map<std::string, MessageModel> messages_;  // by text; not those refused
  std::set<std::string> published_;               // answered, or seen
  std::map<uint64_t, std::string> by_sequence_;
  std::vector<SubscriptionModel> subscriptions_;
};

// AFLUENTE_SEED plays one game again, AFLUENTE_GAMES more of them.
TEST(BrokerProperty, KeepsItsPromises) {
  const char* given = std::getenv("AFLUENTE_SEED");
  uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
  const char* games = std::getenv("AFLUENTE_GAMES");
  int count = games != nullptr ? std::atoi(games) : given != nullptr ? 1 : 60;
  for (int game = 0; game < count; ++game, ++seed) {
    SCOPED_TRACE("AFLUENTE_SEED=" + std::to_string(seed));
    Game(seed).Play(300);
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace afluente::broker
