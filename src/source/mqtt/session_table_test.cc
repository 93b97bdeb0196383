#include "source/mqtt/session_table.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>

#include "absl/synchronization/notification.h"
#include "broker/broker_harness.h"
#include "broker/topics.h"
#include "host/faulty_file_system.h"
#include "host/manual_clock.h"

namespace afluente::source::mqtt {
namespace {

using broker::kTopic;
using Receipt = SessionTable::Receipt;

// A table on its log, its file system and a broker; what crashes and comes back.
class SessionTableTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(files_.CreateDirectory("data").ok());
    broker_.CreateTopic();
    Start();
    ASSERT_TRUE(log_->Cover(kTopic).ok());
  }
  void TearDown() override { Stop(); }

  void Start() {
    DeliveryLog::Recovered recovered;
    auto log =
        DeliveryLog::Open({files_, &broker_.broker(), broker_.clock()}, "data/mqtt", {}, recovered);
    ASSERT_TRUE(log.ok()) << log.status();
    log_ = *std::move(log);
    table_ = std::make_unique<SessionTable>(*log_, broker_.clock(), 10);
    table_->Restore(recovered);
    log_->Start([this] { return table_->Snapshot(); });
  }
  void Stop() {
    if (log_) log_->Stop();
    table_.reset();
    log_.reset();
  }
  void Restart() {
    Stop();
    files_.PowerLoss();
    Start();
  }

  SessionTable::Opened Open(const std::string& client, bool clean, uint32_t expiry) {
    absl::Notification done;
    SessionTable::Opened opened;
    table_->Open(
        client, clean, expiry, [] {},
        [&](const auto& result) {
          EXPECT_TRUE(result.ok()) << result.status();
          if (result.ok()) opened = *result;
          done.Notify();
        });
    done.WaitForNotification();
    return opened;
  }

  // One QoS 2 message up to its PUBREC; false when it was known already.
  bool Receive(const std::string& client, uint64_t owner, uint16_t id) {
    bool answered = false;
    const auto received = table_->Receive(
        client, owner, id, [&](const absl::Status& status) { answered = status.ok(); });
    if (received.receipt != Receipt::kNew) {
      EXPECT_EQ(received.receipt, Receipt::kKnown);
      EXPECT_TRUE(answered);
      return false;
    }
    const uint64_t ticket = log_->Begin(kTopic);
    Publish(received.mark);
    table_->Finish(client, id, received.serial, absl::OkStatus());
    log_->End(ticket);
    EXPECT_TRUE(answered);
    return true;
  }

  void Publish(const std::string& mark) {
    event::Draft draft{"x", {}, ""};
    if (!mark.empty()) draft.attributes.emplace_back(kDeliveryAttribute, mark);
    bool stored = false;
    broker_.broker().Publish(kTopic, {draft}, [&](const auto& ids) { stored = ids.ok(); });
    broker_.Settle();
    ASSERT_TRUE(stored);
  }

  absl::Status Release(const std::string& client, uint64_t owner, uint16_t id) {
    absl::Notification done;
    absl::Status result;
    table_->Release(client, owner, id, [&](const absl::Status& status) {
      result = status;
      done.Notify();
    });
    done.WaitForNotification();
    return result;
  }

  host::FaultyFileSystem files_;
  broker::BrokerHarness broker_;
  std::unique_ptr<DeliveryLog> log_;
  std::unique_ptr<SessionTable> table_;
};

TEST_F(SessionTableTest, AnIdentifierIsKnownUntilItIsReleased) {
  const auto opened = Open("c", false, 100);
  EXPECT_FALSE(opened.present);
  EXPECT_TRUE(Receive("c", opened.owner, 7));
  EXPECT_FALSE(Receive("c", opened.owner, 7));
  EXPECT_TRUE(Release("c", opened.owner, 7).ok());
  EXPECT_TRUE(absl::IsNotFound(Release("c", opened.owner, 7)));
  EXPECT_TRUE(Receive("c", opened.owner, 7));
}

TEST_F(SessionTableTest, WhatWasStoredAndNotReleasedIsKnownAfterACrash) {
  auto opened = Open("c", false, SessionTable::kNeverExpires);
  EXPECT_TRUE(Receive("c", opened.owner, 1));
  EXPECT_TRUE(Receive("c", opened.owner, 2));
  EXPECT_TRUE(Release("c", opened.owner, 1).ok());
  EXPECT_TRUE(Receive("c", opened.owner, 1));  // another message under the same identifier
  EXPECT_TRUE(Receive("c", opened.owner, 3));
  EXPECT_TRUE(Release("c", opened.owner, 3).ok());
  // Many lives: each begins with a checkpoint of the one before.
  for (int life = 0; life < 3; ++life) {
    Restart();
    opened = Open("c", false, SessionTable::kNeverExpires);
    EXPECT_TRUE(opened.present);
    EXPECT_EQ(opened.receipts, 2);
    EXPECT_FALSE(Receive("c", opened.owner, 1));
    EXPECT_FALSE(Receive("c", opened.owner, 2));
  }
  EXPECT_TRUE(Receive("c", opened.owner, 3));
}

TEST_F(SessionTableTest, AMessageThatDidNotReachTheJournalIsNew) {
  auto opened = Open("c", false, 100);
  const auto received = table_->Receive("c", opened.owner, 5, [](const auto&) {});
  EXPECT_EQ(received.receipt, Receipt::kNew);
  log_->Begin(kTopic);
  Restart();
  opened = Open("c", false, 100);
  EXPECT_EQ(opened.receipts, 0);
  EXPECT_TRUE(Receive("c", opened.owner, 5));
}

TEST_F(SessionTableTest, AMessageWhoseAnswerWasNotHeardIsFoundByItsMark) {
  auto opened = Open("c", false, 100);
  const auto received = table_->Receive("c", opened.owner, 5, [](const auto&) {});
  log_->Begin(kTopic);
  Publish(received.mark);  // and the process dies before it says Finish
  Restart();
  opened = Open("c", false, 100);
  EXPECT_FALSE(Receive("c", opened.owner, 5));
}

TEST_F(SessionTableTest, ACleanStartForgets) {
  auto opened = Open("c", false, 100);
  EXPECT_TRUE(Receive("c", opened.owner, 5));
  opened = Open("c", true, 100);
  EXPECT_FALSE(opened.present);
  EXPECT_TRUE(Receive("c", opened.owner, 5));
  Restart();
  opened = Open("c", false, 100);
  EXPECT_TRUE(opened.present);
  EXPECT_EQ(opened.receipts, 1);
}

TEST_F(SessionTableTest, ASessionThatEndsWithItsConnectionIsGoneAfterACrash) {
  auto opened = Open("c", false, 100);
  EXPECT_TRUE(Receive("c", opened.owner, 5));
  opened = Open("c", false, 0);
  EXPECT_TRUE(opened.present);
  Restart();
  opened = Open("c", false, 100);
  EXPECT_FALSE(opened.present);
  EXPECT_TRUE(Receive("c", opened.owner, 5));
}

TEST_F(SessionTableTest, SessionsExpire) {
  auto opened = Open("c", false, 100);
  EXPECT_TRUE(table_->Close("c", opened.owner, 100));
  broker_.clock().Advance(std::chrono::seconds(99));
  opened = Open("c", false, 100);
  EXPECT_TRUE(opened.present);
  EXPECT_TRUE(table_->Close("c", opened.owner, 100));
  broker_.clock().Advance(std::chrono::seconds(101));
  EXPECT_FALSE(Open("c", false, 100).present);
}

TEST_F(SessionTableTest, TheNewerConnectionHasTheSession) {
  bool taken = false;
  absl::Notification done;
  uint64_t first = 0;
  table_->Open(
      "c", true, 0, [&] { taken = true; },
      [&](const auto& opened) {
        first = opened->owner;
        done.Notify();
      });
  done.WaitForNotification();
  const auto second = Open("c", false, 0);
  EXPECT_TRUE(taken);
  EXPECT_FALSE(table_->Close("c", first, 0));
  EXPECT_EQ(table_->Receive("c", first, 1, [](const auto&) {}).receipt, Receipt::kGone);
  EXPECT_TRUE(Receive("c", second.owner, 1));
}

TEST_F(SessionTableTest, TooManySessionsAreRefusedWhileTheyAreInUse) {
  for (int i = 0; i < 10; ++i) Open(std::to_string(i), true, 0);
  absl::Status refused;
  table_->Open("more", true, 0, [] {}, [&](const auto& opened) { refused = opened.status(); });
  EXPECT_TRUE(absl::IsResourceExhausted(refused));
  table_->Close("3", 4, 0);
  EXPECT_FALSE(Open("more", true, 0).present);
}

}  // namespace
}  // namespace afluente::source::mqtt
