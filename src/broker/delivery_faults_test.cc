// I1, I5, I6 and I8 of deliveries: dead letters, seeks and snapshots on a disk whose Nth operation
// fails, for every N. Each message is in one of the states that the answers so far leave possible:
// an answer leaves one, a refusal adds what it may have done before the disk failed, and what
// recovery shows must be one of them, the messages of one publish all or none.
#include <cstdlib>
#include <deque>
#include <map>
#include <random>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/synchronization/notification.h"
#include "broker/small_broker.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/faulty_file_system.h"
#include "host/manual_clock.h"

namespace afluente::broker {
namespace {

constexpr char kTopic[] = "projects/p/topics/data";
constexpr char kDeadTopic[] = "projects/p/topics/dead";
constexpr char kAll[] = "projects/p/subscriptions/all";
constexpr char kDead[] = "projects/p/subscriptions/dead";
constexpr int kAttempts = 5;

enum class Source { kAbsent, kWaiting, kAcked };

// Where a message is, and how often it is a dead letter: a seek brings it back to die again.
using State = std::pair<Source, size_t>;
using States = std::set<State>;

struct Message {
  States states{{Source::kAbsent, 0}};
  // What a write that was refused meanwhile may have left: recovery may show it, unless something
  // that was written after it was answered.
  States refused;
  int64_t nacks = 0;
  std::string publish;  // the first message of the same publish
};

class DeliveryGame {
 public:
  DeliveryGame(host::FaultyFileSystem& files, uint64_t seed) : files_(files), random_(seed) {}

  absl::Status Open() {
    broker_ = nullptr;
    Note("open", absl::OkStatus());
    auto opened = OpenSmallBroker(files_, clock_, random_() % 2 == 0 ? 0 : 1 << 20);
    if (opened.ok()) broker_ = *std::move(opened);
    return opened.status();
  }
  void Close() { broker_ = nullptr; }

  // What is there already is left as it is.
  bool Make() {
    bool made = true;
    for (const char* name : {kTopic, kDeadTopic}) {
      TopicSettings topic;
      topic.name = name;
      absl::Status status = broker_->CreateTopic(topic).status();
      made = made && (status.ok() || absl::IsAlreadyExists(status));
    }
    for (const char* name : {kAll, kDead}) {
      SubscriptionSettings settings;
      settings.name = name;
      settings.topic = name == kAll ? kTopic : kDeadTopic;
      settings.ack_deadline = std::chrono::seconds(600);
      settings.retain_acked_messages = true;
      if (name == kAll) settings.dead_letter_policy = DeadLetterPolicy{kDeadTopic, kAttempts};
      absl::Status status = broker_->CreateSubscription(settings).status();
      made = made && (status.ok() || absl::IsAlreadyExists(status));
    }
    return made;
  }

  void Act() {
    clock_.Advance(std::chrono::milliseconds(1));
    switch (random_() % 20) {
      case 0:
      case 1:
        return ChangeSnapshots();
      case 2:
        return SeekToSnapshot();
      case 3:
        return SeekToTime(random_() % 2 == 0);
      case 4:
        return broker_->RunKeeper();
      case 5:
      case 6:
      case 7:
        return Publish();
      case 8:
      case 9:
        return Take(true);
      default:
        return Take(false);
    }
  }

  // After a recovery: shows everything, and takes what is shown for the truth.
  void Check() {
    for (const auto& [name, captured] : snapshots_)
      EXPECT_TRUE(broker_->GetSnapshot(name).ok()) << "lost: " << name;
    for (const std::string& name : deleted_)
      EXPECT_TRUE(absl::IsNotFound(broker_->GetSnapshot(name).status())) << "back: " << name;
    std::map<std::string, State> shown;
    // A dead letter is on its way for a moment: until two rounds in a row show nothing new.
    for (int quiet = 0; quiet < 2; ++quiet) {
      for (const Delivered& each : Pull(kAll, 1000)) {
        Source& source = shown[each.message->data].first;
        EXPECT_NE(source, Source::kWaiting) << "twice: " << each.message->data;
        source = Source::kWaiting;
        quiet = -1;
      }
      for (const Delivered& each : Pull(kDead, 1000)) {
        ++shown[each.message->data].second;
        quiet = -1;
      }
      ASSERT_TRUE(Barrier().ok());
    }
    std::map<std::string, std::set<bool>> publishes;
    for (auto& [text, message] : messages_) {
      const State seen = shown[text];
      message.states.merge(std::exchange(message.refused, {}));
      std::erase_if(message.states, [&](const State& each) {
        return (each.first == Source::kWaiting) != (seen.first == Source::kWaiting) ||
               each.second != seen.second;
      });
      EXPECT_FALSE(message.states.empty())
          << text << " is where it cannot be: waiting " << (seen.first == Source::kWaiting)
          << ", dead letters " << seen.second << ", after" << Past();
      if (message.states.size() == 1)
        publishes[message.publish].insert(message.states.begin()->first != Source::kAbsent);
      buried_ += seen.second;
      shown.erase(text);
    }
    for (const auto& [publish, there] : publishes) EXPECT_EQ(there.size(), 1u) << publish;
    for (const auto& [text, state] : shown) ADD_FAILURE() << "never published: " << text;
  }

  const std::map<std::string, size_t>& answered() const { return answered_; }
  size_t buried() const { return buried_; }

 private:
  using Becomes = std::map<std::string, States>;
  using Sources = std::map<std::string, std::set<Source>>;

  // The possible states afterwards, when it is answered; else those as well as those before.
  void Settle(const char* kind, const absl::Status& answer, const Becomes& becomes) {
    for (const auto& [text, states] : becomes) {
      States& now = messages_[text].states;
      if (answer.ok()) now.clear();
      now.insert(states.begin(), states.end());
    }
    if (answer.ok()) ++answered_[kind];
    Note(kind, answer);
  }
  // Something was written and answered: what was refused before is void.
  void Written() {
    for (auto& [text, message] : messages_) message.refused.clear();
  }

  void Note(std::string_view kind, const absl::Status& answer) {
    std::string line = absl::StrCat("\n  ", std::string(kind), answer.ok() ? "" : " refused");
    if (kind == "ack" || kind == "nack")
      for (const auto& [text, states] : taken_) absl::StrAppend(&line, " ", text);
    past_.push_back(std::move(line));
    if (past_.size() > 40) past_.pop_front();
  }
  std::string Past() const { return absl::StrJoin(past_, ""); }

  void Publish() {
    std::vector<event::Draft> drafts;
    Becomes becomes;
    const std::string first = absl::StrCat("message", last_ + 1);
    for (uint64_t i = 0; i <= random_() % 4; ++i) {
      std::string text = absl::StrCat("message", ++last_);
      drafts.push_back({text, {{"padding", std::string(random_() % 200, '.')}}, ""});
      messages_[text].publish = first;
      becomes[text] = {{Source::kWaiting, 0}};
    }
    absl::Status answer = Wait([&](auto done) {
      broker_->Publish(kTopic, std::move(drafts), [done](auto ids) { done(ids.status()); });
    });
    Settle("publish", answer, becomes);
    if (answer.ok()) Written();
  }

  void Take(bool acks) {
    std::vector<std::string> ids;
    taken_.clear();
    for (const Delivered& each : Pull(kAll, 1 + random_() % 8)) {
      Message& message = messages_[each.message->data];
      // It was delivered, so it is waiting, and becoming a dead letter was refused.
      std::erase_if(message.states, [&](const State& state) {
        if (state.first != Source::kWaiting) message.refused.insert(state);
        return state.first != Source::kWaiting;
      });
      EXPECT_FALSE(message.states.empty()) << each.message->data << " came back after" << Past();
      EXPECT_LE(each.delivery_attempt, message.nacks + 1) << "more attempts than failed";
      if (!acks) ++message.nacks;
      ids.push_back(each.ack_id);
      States& after = taken_[each.message->data];
      for (auto [source, dead] : message.states) {
        after.insert({acks ? Source::kAcked : Source::kWaiting, dead});
        if (!acks && message.nacks >= kAttempts) after.insert({Source::kAcked, dead + 1});
      }
    }
    if (ids.empty()) return;
    if (acks) return Ack(ids);
    Nack(ids);
  }
  void Ack(const std::vector<std::string>& ids) {
    absl::Status answer = Wait([&](auto done) {
      broker_->Acknowledge(kAll, ids, [done](const AckAnswer& given) { done(given.status); });
    });
    Settle("ack", answer, taken_);
    if (answer.ok()) Written();
  }
  void Nack(const std::vector<std::string>& ids) {
    absl::Status answer = Wait([&](auto done) {
      broker_->ModifyAckDeadline(kAll, ids, std::chrono::seconds(0),
                                 [done](const AckAnswer& given) { done(given.status); });
    });
    broker_->RunDeliveries();
    Settle("nack", answer, taken_);
  }

  void ChangeSnapshots() {
    if (snapshots_.size() > 1) {
      std::string name = snapshots_.begin()->first;
      snapshots_.erase(name);
      absl::Status answer = broker_->DeleteSnapshot(name);
      Note("delete snapshot", answer);
      if (!answer.ok()) return;  // either is right from now on
      deleted_.insert(name);
      Written();
      return;
    }
    SnapshotSettings settings;
    settings.name = absl::StrCat("projects/p/snapshots/snap", ++last_snapshot_);
    Sources captured;
    for (const auto& [text, message] : messages_) {
      for (auto [source, dead] : message.states)
        captured[text].insert(source == Source::kAcked ? source : Source::kWaiting);
    }
    absl::Status answer = broker_->CreateSnapshot(settings, kAll).status();
    Settle("snapshot", answer, {});
    if (!answer.ok()) return;
    snapshots_[settings.name] = captured;
    Written();
  }

  void SeekToSnapshot() {
    if (snapshots_.empty()) return;
    auto& [name, captured] = *snapshots_.rbegin();
    // What was published later is waiting.
    Seek(name, [&captured = captured](const std::string& text) {
      auto then = captured.find(text);
      return then == captured.end() ? std::set{Source::kWaiting} : then->second;
    });
  }
  void SeekToTime(bool back) {
    Seek(clock_.Now() + std::chrono::hours(back ? -1 : 1),
         [back](const std::string&) { return std::set{back ? Source::kWaiting : Source::kAcked}; });
  }
  template <typename SourcesOf>
  void Seek(const SeekTarget& target, SourcesOf sources_of) {
    Becomes becomes;
    for (const auto& [text, message] : messages_) {
      for (auto [source, dead] : message.states) {
        if (source == Source::kAbsent) becomes[text].insert({source, dead});
        if (source == Source::kAbsent) continue;
        for (Source each : sources_of(text)) becomes[text].insert({each, dead});
      }
    }
    absl::Status answer = broker_->Seek(kAll, target);
    Settle(std::holds_alternative<std::string>(target) ? "seek to snapshot" : "seek to time",
           answer, becomes);
    if (!answer.ok()) return;
    Written();
    // Attempts are counted from one again.
    for (auto& [text, message] : messages_) message.nacks = 0;
  }

  std::vector<Delivered> Pull(const std::string& name, size_t messages_max) {
    auto consumer = broker_->OpenConsumer(name, {});
    if (!consumer.ok()) return {};
    std::vector<Delivered> delivered;
    (*consumer)->Next(messages_max, 1 << 20, [&](absl::StatusOr<std::vector<Delivered>> ready) {
      if (ready.ok()) delivered = *std::move(ready);
    });
    broker_->RunDeliveries();
    return delivered;
  }

  // What was appended before is applied afterwards.
  absl::Status Barrier() {
    TopicSettings topic;
    topic.name = absl::StrCat("projects/p/topics/barrier", ++last_barrier_);
    return broker_->CreateTopic(topic).status();
  }

  template <typename Start>
  absl::Status Wait(Start start) {
    absl::Notification done;
    absl::Status answer;
    start([&](const absl::Status& given) {
      answer = given;
      done.Notify();
    });
    done.WaitForNotification();
    return answer;
  }

  host::FaultyFileSystem& files_;
  std::mt19937_64 random_;
  host::ManualClock clock_;
  std::map<std::string, Message> messages_;
  std::map<std::string, Sources> snapshots_;
  std::set<std::string> deleted_;
  Becomes taken_;
  std::map<std::string, size_t> answered_;
  std::deque<std::string> past_;  // the last things done
  size_t buried_ = 0;
  uint64_t last_ = 0;
  uint64_t last_snapshot_ = 0;
  uint64_t last_barrier_ = 0;
  std::unique_ptr<EmbeddedBroker> broker_;
};

void Live(DeliveryGame& game, int acts) {
  if (!game.Open().ok() && !game.Open().ok()) return;
  if (!game.Make() && !game.Make()) return;
  for (int i = 0; i < acts; ++i) game.Act();
}

class DeliveryFaults : public ::testing::TestWithParam<uint64_t> {};

TEST_P(DeliveryFaults, WhatAnyOneFailureRefusesLeavesNothingElseBehind) {
  uint64_t nth = 1;
  for (bool struck = true; struck; ++nth) {
    SCOPED_TRACE(testing::Message() << "operation " << nth);
    host::FaultyFileSystem files(nth);
    DeliveryGame game(files, GetParam());
    files.FailOperation(nth);
    Live(game, 150);
    struck = files.faults() > 0;
    files.FailOperation(0);
    game.Close();
    if (nth % 2 == 0) files.PowerLoss();
    // Twice: what was recovered recovers to the same.
    for (int life = 0; life < 2; ++life) {
      absl::Status opened = game.Open();
      ASSERT_TRUE(opened.ok()) << opened;
      ASSERT_TRUE(game.Make());
      game.Check();
      ASSERT_FALSE(testing::Test::HasFailure());
    }
    if (struck) continue;
    // A broker that refuses everything would pass all the rest.
    for (const char* kind : {"publish", "ack", "nack", "snapshot", "seek to time"})
      EXPECT_GT(game.answered().count(kind), 0u) << kind;
    EXPECT_GT(game.buried(), 0u);
  }
  EXPECT_GT(nth, 100u);
}

INSTANTIATE_TEST_SUITE_P(Games, DeliveryFaults, ::testing::Values(11, 12, 13));

TEST(RandomDeliveryFaults, TheProcessOrThePowerMayFailAtAnyPoint) {
  auto variable = [](const char* name, uint64_t otherwise) {
    const char* given = std::getenv(name);
    return given != nullptr ? std::strtoull(given, nullptr, 10) : otherwise;
  };
  const uint64_t seed = variable("AFLUENTE_SEED", std::random_device()());
  const uint64_t rounds = variable("AFLUENTE_FAULT_ROUNDS", 40);
  for (uint64_t round = 0; round < rounds; ++round) {
    SCOPED_TRACE(testing::Message() << "AFLUENTE_SEED=" << seed << " round " << round);
    std::mt19937_64 random(seed + round);
    host::FaultyFileSystem files(seed + round);
    DeliveryGame game(files, seed + round);
    for (int life = 0; life < 4; ++life) {
      files.FailFrom(20 + random() % 300);
      if (random() % 4 == 0) files.FailSyncs(random() % 3);
      Live(game, 100);
      game.Close();
      files.FailFrom(0);
      files.FailSyncs(0);
      if (random() % 2 == 0) files.PowerLoss();
      ASSERT_TRUE(game.Open().ok());
      ASSERT_TRUE(game.Make());
      game.Check();
      ASSERT_FALSE(testing::Test::HasFailure()) << "life " << life;
    }
  }
}

}  // namespace
}  // namespace afluente::broker
