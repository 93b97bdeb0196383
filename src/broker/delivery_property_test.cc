// Invariant I8 by random games against a model: keys stay in order over nacks, expiries, backoff,
// dead letters, refusals of the disk and crashes; what was acked or became a dead letter never
// comes again; with exactly-once delivery the newest ack id counts, while its lease runs, alone.
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

constexpr char kDeadTopic[] = "projects/p/topics/dead";
constexpr char kDeadSubscription[] = "projects/p/subscriptions/dead";
constexpr int64_t kAttemptsMax = 5;
constexpr seconds kAckDeadline{10};

struct MessageModel {
  std::string key;
  uint64_t order = 0;        // of publishing
  bool acked = false;        // answered
  bool maybe_acked = false;  // asked, and a crash came before the answer
  bool dead = false;         // seen on the dead-letter topic
  bool poison = false;       // no subscriber ever acks it
  std::string ack_id;        // of the newest delivery
  int delivery = 0;          // its number among all
  bool leased = false;
  bool held = false;          // acked, and an earlier message of its key was out
  bool lease_unsure = false;  // it went with its key's earlier message, or did not
  host::MonotonicTime deadline;
  host::MonotonicTime not_before{};  // by the retry policy
  int64_t attempt = 0;               // of the newest delivery
};

class Game {
 public:
  explicit Game(uint64_t seed) : random_(seed), harness_(RandomOptions()) {
    harness_.CreateTopic();
    harness_.CreateTopic(kDeadTopic);
    settings_.name = kSubscription;
    settings_.topic = kTopic;
    settings_.enable_message_ordering = true;
    settings_.enable_exactly_once_delivery = Pick(2) == 0;
    settings_.dead_letter_policy = DeadLetterPolicy{kDeadTopic, kAttemptsMax};
    if (Pick(2) == 0) settings_.retry_policy = RetryPolicy{seconds(2), seconds(6)};
    harness_.Subscribe(settings_);
    SubscriptionSettings dead;
    dead.name = kDeadSubscription;
    dead.topic = kDeadTopic;
    dead.enable_message_ordering = true;
    harness_.Subscribe(dead);
  }

  void Play(int steps) {
    for (int i = 0; i < steps && !::testing::Test::HasFatalFailure(); ++i) {
      Step();
      TakeDead();
    }
    if (!::testing::Test::HasFatalFailure()) Finish();
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
  host::MonotonicTime Now() { return harness_.clock().Monotonic(); }

  void Step() {
    switch (Pick(12)) {
      case 0:
      case 1:
        return Publish();
      case 2:
      case 3:
      case 4:
        return Pull(1 + Pick(8));
      case 5:
      case 6:
        return Ack();
      case 7:
      case 8:
        return Nack();
      case 9:
        return Advance(milliseconds(Pick(7000)));
      case 10:
        return Refuse();
      default:
        if (Pick(3) == 0) Crash();
    }
  }

  void Publish() {
    std::vector<event::Draft> drafts;
    for (uint64_t i = 0, count = 1 + Pick(5); i < count; ++i) {
      std::string text = "m" + std::to_string(messages_.size());
      MessageModel& message = messages_[text];
      message.order = messages_.size();
      message.key = Pick(3) == 0 ? "" : std::string(1, static_cast<char>('a' + Pick(3)));
      message.poison = Pick(6) == 0;
      drafts.push_back(Text(text, message.key));
    }
    ASSERT_TRUE(harness_.Publish(std::move(drafts)).ok());
  }

  void Pull(size_t count) {
    auto answer = harness_.Pull(count);
    if (!answer.value) return;
    ASSERT_TRUE(answer.value->ok()) << answer.value->status();
    std::set<std::string> here;
    for (const Delivered& each : **answer.value) {
      CheckDelivery(each, here);
      here.insert(each.message->data);
    }
  }

  void CheckDelivery(const Delivered& delivered, const std::set<std::string>& here) {
    const std::string& text = delivered.message->data;
    MessageModel& message = messages_.at(text);
    ASSERT_FALSE(message.acked) << text << " was acked";
    ASSERT_FALSE(message.dead) << text << " is a dead letter";
    ASSERT_FALSE(message.leased && !message.lease_unsure &&
                 (message.held || message.deadline > Now()))
        << text << " is under a lease";
    ASSERT_GE(Now(), message.not_before) << text << " did not wait";
    ASSERT_GT(delivered.delivery_attempt, 0);
    ASSERT_GE(delivered.delivery_attempt, message.attempt) << text << " lost attempts";
    if (!message.key.empty()) {
      for (const auto& [name, other] : messages_) {
        if (other.key != message.key || other.order >= message.order) continue;
        ASSERT_TRUE(other.acked || other.maybe_acked || other.dead || here.contains(name))
            << text << " overtook " << name;
        ASSERT_TRUE(Now() >= other.not_before || other.acked || other.maybe_acked || other.dead)
            << text << " did not wait with " << name;
      }
    }
    EndUnsure(message);
    message.ack_id = delivered.ack_id;
    message.delivery = ++deliveries_;
    message.leased = true;
    message.lease_unsure = false;
    message.held = false;
    message.maybe_acked = false;
    message.deadline = Now() + kAckDeadline;
    message.attempt = delivered.delivery_attempt;
    old_ack_ids_.emplace_back(delivered.ack_id, text);
    past_of_[delivered.ack_id] = {life_, deliveries_};
  }
  // What follows a message that is delivered again went with it.
  void EndUnsure(const MessageModel& message) {
    if (message.key.empty()) return;
    for (auto& [text, other] : messages_) {
      if (other.key == message.key && other.order > message.order && other.lease_unsure)
        other.leased = other.held = other.lease_unsure = false;
    }
  }

  // Some messages whose newest ack ids the model believes in, in their order.
  std::vector<std::string> Choose(bool with_poison) {
    std::map<uint64_t, std::string> chosen;
    for (const auto& [text, message] : messages_) {
      if (message.leased && !message.held && !message.acked && Pick(2) == 0 &&
          (with_poison || !message.poison))
        chosen[message.order] = text;
    }
    std::vector<std::string> texts;
    for (auto& [order, text] : chosen) texts.push_back(text);
    return texts;
  }

  void Ack() {
    std::vector<std::string> ids;
    std::map<std::string, std::string> text_of;
    for (const std::string& text : Choose(/*with_poison=*/false)) {
      ids.push_back(messages_[text].ack_id);
      text_of[ids.back()] = text;
    }
    if (!old_ack_ids_.empty() && Pick(3) == 0) {
      auto [id, text] = old_ack_ids_[Pick(old_ack_ids_.size())];
      if (!messages_[text].poison && text_of.emplace(id, text).second) ids.push_back(id);
    }
    AckAnswer answer = harness_.Ack(ids);
    ASSERT_TRUE(answer.ok()) << answer.status;
    std::map<std::string, AckFault> faults;
    for (const AckFailure& each : answer.failures) faults[each.ack_id] = each.fault;
    if (!settings_.enable_exactly_once_delivery) {
      AckModel(text_of, /*refused=*/false);
      return;
    }
    for (const auto& [id, text] : text_of) {
      MessageModel& message = messages_[text];
      auto fault = faults.find(id);
      CheckOutcome(id, message, fault, faults.end());
      if (fault == faults.end()) {
        if (!message.dead) message.acked = true;
        message.leased = false;
      }
    }
  }

  enum class Before { kNothing, kMaybe, kSomething };
  // What of the message's key is before it and not done.
  Before IsBefore(const MessageModel& message, const std::set<uint64_t>& taken) const {
    Before before = Before::kNothing;
    if (message.key.empty()) return before;
    for (const auto& [text, other] : messages_) {
      if (other.key != message.key || other.order >= message.order || other.acked || other.dead ||
          taken.contains(other.order))
        continue;
      if (!other.maybe_acked) return Before::kSomething;
      before = Before::kMaybe;
    }
    return before;
  }

  // Whether no earlier message of the key was delivered after the delivery with this ack id.
  bool Stands(const MessageModel& message, const std::string& id) const {
    if (message.key.empty()) return true;
    const Past& past = past_of_.at(id);
    if (past.life != life_) return false;
    for (const auto& [text, other] : messages_) {
      if (other.key == message.key && other.order < message.order && other.delivery > past.delivery)
        return false;
    }
    return true;
  }

  // Without exactly-once delivery an ack of a delivery that stands counts when all before it in its
  // key is done; until then the newest one's is held. Returns whether something had to be stored.
  bool AckModel(const std::map<std::string, std::string>& text_of, bool refused) {
    std::multimap<uint64_t, std::pair<std::string, MessageModel*>> ascending;
    for (const auto& [id, text] : text_of) {
      MessageModel& message = messages_[text];
      ascending.emplace(message.order, std::pair(id, &message));
    }
    std::set<uint64_t> taken;
    for (auto& [order, named] : ascending) {
      auto& [id, message] = named;
      if (message->acked || message->dead || !Stands(*message, id)) continue;
      bool newest = message->leased && message->ack_id == id;
      Before before = IsBefore(*message, taken);
      if (before == Before::kNothing) {
        taken.insert(order);
        if (!refused) message->acked = true;
        if (!refused) message->leased = false;
      } else if (before == Before::kMaybe) {
        message->maybe_acked = true;
        if (newest) message->leased = false;
      } else if (newest) {
        message->held = true;
      }
      LetGo(taken, refused);
    }
    return !taken.empty();
  }

  // Held acks that nothing is before any more.
  void LetGo(std::set<uint64_t>& taken, bool refused) {
    std::map<uint64_t, MessageModel*> held;
    for (auto& [text, message] : messages_) {
      if (message.leased && message.held) held[message.order] = &message;
    }
    for (auto& [order, message] : held) {
      Before before = IsBefore(*message, taken);
      if (before == Before::kSomething) continue;
      message->held = false;
      if (before == Before::kMaybe || message->lease_unsure) {
        message->maybe_acked = true;
        message->leased = false;
      } else {
        taken.insert(order);
        message->acked = !refused;
        message->leased = refused;  // it runs on
      }
    }
  }

  using Faults = std::map<std::string, AckFault>;
  void CheckOutcome(const std::string& id, const MessageModel& message, Faults::iterator fault,
                    Faults::iterator none) {
    bool newest = id == message.ack_id;
    if (!newest) {
      ASSERT_TRUE(fault != none && fault->second == AckFault::kInvalid) << "an old ack id counted";
    } else if (message.leased && !message.lease_unsure && message.deadline > Now()) {
      ASSERT_TRUE(fault == none || fault->second == AckFault::kUnordered) << "a lease was lost";
      ASSERT_TRUE(fault == none || !message.key.empty());
    } else if (!message.lease_unsure && !message.acked && !message.maybe_acked) {
      ASSERT_TRUE(fault != none && fault->second == AckFault::kInvalid) << "a lease had run out";
    }
  }

  // What the model knows of a failed delivery.
  void Failed(MessageModel& message) {
    message.leased = false;
    // Without its lease it did not fail: it waits with the one before it.
    if (settings_.retry_policy && !message.lease_unsure) message.not_before = Now() + seconds(2);
    if (message.key.empty()) return;
    for (auto& [name, other] : messages_) {
      if (other.key != message.key || other.order <= message.order || !other.leased) continue;
      // A dead letter leaves them where they are, unless it did not get through.
      if (message.attempt >= kAttemptsMax || message.lease_unsure) {
        other.lease_unsure = true;
      } else {
        other.leased = false;
        other.held = false;
      }
    }
  }

  void Nack() {
    std::vector<std::string> texts = Choose(/*with_poison=*/true);
    if (texts.size() > 3) texts.resize(3);
    std::vector<std::string> ids;
    for (const std::string& text : texts) ids.push_back(messages_[text].ack_id);
    ASSERT_TRUE(harness_.Modify(ids, seconds(0)).ok());
    for (const std::string& text : texts) {
      if (messages_[text].leased) Failed(messages_[text]);
    }
  }

  void Advance(milliseconds by) {
    harness_.Advance(by);
    EndExpired();
  }
  void EndExpired() {
    std::map<uint64_t, MessageModel*> expired;
    for (auto& [text, message] : messages_) {
      if (message.leased && !message.held && message.deadline <= Now())
        expired[message.order] = &message;
    }
    for (auto& [order, message] : expired) {
      if (message->leased) Failed(*message);
    }
  }

  void Refuse() {
    harness_.journal().Refuse(absl::UnavailableError("refused"));
    std::vector<std::string> ids;
    std::map<std::string, std::string> text_of;
    for (const std::string& text : Choose(/*with_poison=*/false)) {
      ids.push_back(messages_[text].ack_id);
      text_of[ids.back()] = text;
    }
    AckAnswer answer = harness_.Ack(ids);
    if (settings_.enable_exactly_once_delivery) {
      ASSERT_TRUE(answer.ok());
      ASSERT_EQ(answer.failures.size(), ids.size());
    } else {
      bool stored = AckModel(text_of, /*refused=*/true);
      ASSERT_TRUE(!answer.ok() || !stored);
      EndExpired();
    }
    if (Pick(2) == 0) Nack();
    harness_.journal().Refuse(absl::OkStatus());
    // Failures that were refused are not counted after a crash.
    attempts_unsure_ = true;
  }

  void Crash() {
    harness_.journal().Hold(true);
    std::vector<std::string> texts = Choose(/*with_poison=*/false);
    std::vector<std::string> ids;
    for (const std::string& text : texts) ids.push_back(messages_[text].ack_id);
    harness_.Ack(ids).status.IgnoreError();
    for (const std::string& text : texts) messages_[text].maybe_acked = true;
    harness_.clock().Advance(milliseconds(1));  // as any restart takes
    ASSERT_TRUE(harness_.CrashAndRestart(Pick(3)).ok());
    ++life_;
    for (auto& [text, message] : messages_) {
      if (message.held) message.maybe_acked = true;
      message.leased = false;
      message.held = false;
      if (!attempts_unsure_) continue;
      message.attempt = 0;
      message.not_before = {};
    }
    attempts_unsure_ = false;
  }

  void TakeDead() {
    auto answer = harness_.Pull(100, kDeadSubscription);
    if (!answer.value) return;
    ASSERT_TRUE(answer.value->ok());
    for (const Delivered& each : **answer.value) {
      MessageModel& message = messages_.at(each.message->data);
      ASSERT_FALSE(message.dead) << each.message->data << " came twice";
      ASSERT_FALSE(message.acked) << each.message->data << " was acked";
      const std::string* count = event::FindAttribute(each.message->attributes,
                                                      "CloudPubSubDeadLetterSourceDeliveryCount");
      ASSERT_TRUE(count != nullptr && std::stoi(*count) >= kAttemptsMax);
      ASSERT_EQ(each.message->ordering_key, message.key);
      message.dead = true;
      message.leased = false;
      std::set<uint64_t> taken;
      LetGo(taken, /*refused=*/false);
    }
    ASSERT_TRUE(harness_.Ack(answer.ack_ids(), kDeadSubscription).ok());
  }

  // Whoever acks what is not poison ends with every message acked or dead: no key is wedged.
  void Finish() {
    for (int round = 0; round < 5000 && harness_.Backlog() > 0; ++round) {
      Advance(seconds(11));
      TakeDead();
      Pull(50);
      if (::testing::Test::HasFatalFailure()) return;
      std::vector<std::string> ids;
      std::map<std::string, std::string> text_of;
      for (auto& [text, message] : messages_) {
        if (!message.leased || message.held || message.deadline <= Now() || message.poison)
          continue;
        ids.push_back(message.ack_id);
        text_of[ids.back()] = text;
      }
      AckAnswer answer = harness_.Ack(ids);
      if (!settings_.enable_exactly_once_delivery) {
        AckModel(text_of, /*refused=*/false);
        continue;
      }
      std::set<std::string> failed;
      for (const AckFailure& each : answer.failures) failed.insert(each.ack_id);
      for (auto& [text, message] : messages_) {
        if (!message.leased || message.deadline <= Now() || message.poison) continue;
        if (failed.contains(message.ack_id)) continue;
        message.acked = true;
        message.leased = false;
      }
    }
    TakeDead();
    ASSERT_EQ(harness_.Backlog(), 0);
    for (const auto& [text, message] : messages_) {
      ASSERT_TRUE(message.acked || message.maybe_acked || message.dead) << text << " is lost";
      ASSERT_FALSE(message.acked && message.dead) << text << " had two ends";
    }
  }

  std::mt19937_64 random_;
  BrokerHarness harness_;
  SubscriptionSettings settings_;
  std::map<std::string, MessageModel> messages_;                  // by text
  std::vector<std::pair<std::string, std::string>> old_ack_ids_;  // and their texts
  struct Past {
    int life;
    int delivery;
  };
  std::map<std::string, Past> past_of_;  // by ack id
  int life_ = 0;
  int deliveries_ = 0;
  bool attempts_unsure_ = false;
};

// AFLUENTE_SEED plays one game again, AFLUENTE_GAMES more of them.
TEST(DeliveryProperty, KeepsItsPromises) {
  const char* given = std::getenv("AFLUENTE_SEED");
  uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
  const char* games = std::getenv("AFLUENTE_GAMES");
  int count = games != nullptr ? std::atoi(games) : given != nullptr ? 1 : 60;
  for (int game = 0; game < count; ++game, ++seed) {
    SCOPED_TRACE("AFLUENTE_SEED=" + std::to_string(seed));
    Game(seed).Play(250);
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace afluente::broker
