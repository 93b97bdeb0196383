#include "function/function.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <map>
#include <thread>

#include "function/function_fixture.h"
#include "function/memory_topics.h"
#include "function/memory_warehouse.h"
#include "function/sql_transform.h"
#include "host/manual_clock.h"

namespace afluente::function {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST_F(FunctionTest, EveryMessageHasOneOutcome) {
  topics_.Publish(R"({"a": 1})");
  topics_.Publish("not json");
  topics_.Publish(R"({"a": 2})");
  const Balance balance = RunUntilDrained(DefaultSettings());
  EXPECT_EQ(balance.published, 3);
  EXPECT_EQ(balance.stored, 2);
  EXPECT_EQ(balance.dead_lettered, 1);
  EXPECT_EQ(balance.pending, 0);
  EXPECT_TRUE(balance.balanced());
  EXPECT_THAT(warehouse_.RowIds(), ElementsAre("1", "3"));
  ASSERT_EQ(warehouse_.dead_letters().size(), 1u);
  EXPECT_EQ(warehouse_.dead_letters()[0].message.message_id, "2");
  EXPECT_FALSE(warehouse_.dead_letters()[0].error.empty());
}

TEST_F(FunctionTest, GoesOnAfterARestartWithoutDoubles) {
  topics_.Publish(R"({"a": 1})");
  RunUntilDrained(DefaultSettings());
  topics_.Publish(R"({"a": 2})");
  const Balance balance = RunUntilDrained(DefaultSettings());
  EXPECT_THAT(warehouse_.RowIds(), ElementsAre("1", "2"));
  EXPECT_EQ(balance.published, 2);
  EXPECT_TRUE(balance.balanced());
}

TEST_F(FunctionTest, ARestartKeepsWhatIsNotAuditedYet) {
  topics_.Publish(R"({"a": 1})");
  topics_.Publish(R"({"a": 2})");
  RunUntilDrained(DefaultSettings());
  ASSERT_TRUE(Make(DefaultSettings()).ok());
  // The worker goes on after message 2; the audit, which trails it, has counted nothing yet. The
  // first is the check's.
  EXPECT_THAT(topics_.resumed_at(), ElementsAre(0, 0, 2));
}

TEST_F(FunctionTest, ARefusedCommitIsTriedAgainAndNothingIsSkipped) {
  auto function = Make(DefaultSettings());
  ASSERT_TRUE(function.ok());
  warehouse_.Refuse(1);
  topics_.Publish(R"({"a": 1})");
  (*function)->Start();
  while ((*function)->backlog() > 0) std::this_thread::yield();
  EXPECT_THAT(warehouse_.RowIds(), ElementsAre("1"));
}

TEST_F(FunctionTest, FilterDecidesWhatIsPublishedForAFunction) {
  topics_.Publish(R"({"a": 1})", {{"kind", "x"}});
  topics_.Publish("other", {{"kind", "y"}});
  Settings settings = DefaultSettings();
  settings.filter_text = R"(attributes.kind = "x")";
  settings.filter = *event::Filter::Parse(settings.filter_text);
  EXPECT_EQ(RunUntilDrained(settings).published, 1);
  // A changed filter holds from here on; what was decided stays counted by the old one.
  settings.filter_text = R"(attributes.kind = "y")";
  settings.filter = *event::Filter::Parse(settings.filter_text);
  topics_.Publish(R"({"a": 2})", {{"kind", "y"}});
  const Balance balance = RunUntilDrained(settings);
  EXPECT_EQ(balance.published, 2);
  EXPECT_EQ(balance.stored, 2);
  EXPECT_TRUE(balance.balanced());
}

TEST_F(FunctionTest, StartLatestSkipsWhatWasThere) {
  topics_.Publish(R"({"a": 1})");
  Settings settings = DefaultSettings();
  settings.start_latest = true;
  auto function = Make(settings);
  ASSERT_TRUE(function.ok());
  topics_.Publish(R"({"a": 2})");
  (*function)->Start();
  while ((*function)->backlog() > 0) std::this_thread::yield();
  EXPECT_THAT(warehouse_.RowIds(), ElementsAre("2"));
  EXPECT_EQ((*function)->Check()->published, 1);
}

TEST_F(FunctionTest, FinishesADeletedTopicAndGoesOnWithTheNewOne) {
  topics_.Publish(R"({"a": 1})");
  auto function = Make(DefaultSettings());
  ASSERT_TRUE(function.ok());
  topics_.Recreate();
  topics_.Publish(R"({"a": 2})");
  (*function)->Start();
  while (warehouse_.RowIds().size() < 2) std::this_thread::yield();
  EXPECT_THAT(warehouse_.RowIds(), ElementsAre("1", "new1"));
  const auto balance = (*function)->Check();
  EXPECT_EQ(balance->published, 2);
  EXPECT_TRUE(balance->balanced());
}

TEST_F(FunctionTest, PendingIsCountedByWalkingTheJournal) {
  auto function = Make(DefaultSettings());
  ASSERT_TRUE(function.ok());
  topics_.Publish(R"({"a": 1})");
  const auto balance = (*function)->Check();  // not started
  EXPECT_EQ(balance->pending, 1);
  EXPECT_TRUE(balance->balanced());
}

TEST_F(FunctionTest, ADeadLetterTopicGetsTheMessageWithPubsubsAttributes) {
  topics_.Publish("broken", {{"kind", "x"}});
  Settings settings = DefaultSettings();
  settings.dead_letter_topic = "projects/p/topics/Data-dead";
  RunUntilDrained(settings);
  const auto outbox = *warehouse_.Outbox(10);
  ASSERT_EQ(outbox.size(), 1u);
  EXPECT_EQ(outbox[0].draft.data, "broken");
  EXPECT_EQ(*event::FindAttribute(outbox[0].draft.attributes,
                                  "CloudPubSubDeadLetterSourceSubscriptionProject"),
            "p");
  EXPECT_EQ(*event::FindAttribute(outbox[0].draft.attributes, "kind"), "x");
}

// By column name; counts its runs.
class CountingTransform final : public Transform {
 public:
  explicit CountingTransform(std::atomic<int>& runs) : runs_(runs) {}
  std::vector<Decision> Run(std::vector<Attempt> attempts) override {
    if (!attempts.empty()) ++runs_;
    std::vector<Decision> decisions;
    for (Attempt& attempt : attempts) {
      const int64_t number = std::stoll(attempt.message->data);
      decisions.push_back({std::move(attempt), Outcome::Rows({{schema::Value(number)}})});
    }
    return decisions;
  }

 private:
  std::atomic<int>& runs_;
};

TEST_F(FunctionTest, BehindABacklogTheNextBatchIsDecidedWhileTheLastOneCommits) {
  for (int i = 0; i < 95; ++i) topics_.Publish(std::to_string(i));
  Settings settings = DefaultSettings();
  settings.batch_messages_max = 10;
  std::atomic<int> runs = 0;
  auto function = Function::Create(settings, std::make_unique<CountingTransform>(runs), topics_,
                                   warehouse_, clock_, metrics_);
  ASSERT_TRUE(function.ok());
  int commits = 0;
  bool together = false;
  warehouse_.OnCommit([&] {
    if (++commits > 1) return;
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (runs < 2 && std::chrono::steady_clock::now() < give_up) std::this_thread::yield();
    together = runs >= 2;
  });
  warehouse_.Refuse(2);  // what was decided ahead of a refused commit is decided again
  (*function)->Start();
  while ((*function)->backlog() > 0) {
    clock_.Advance(std::chrono::milliseconds(100));
    std::this_thread::yield();
  }
  (*function)->Stop();
  EXPECT_TRUE(together);
  const auto ids = warehouse_.RowIds();
  ASSERT_EQ(ids.size(), 95u);
  for (int i = 0; i < 95; ++i) EXPECT_EQ(ids[i], std::to_string(i + 1));
  EXPECT_TRUE((*function)->Check()->balanced());
}

// Fails each message's attempts as often as its data says; then one row. Counts attempts.
class StubbornTransform final : public Transform {
 public:
  explicit StubbornTransform(std::map<std::string, int64_t>& attempts) : attempts_(attempts) {}
  std::vector<Decision> Run(std::vector<Attempt> attempts) override {
    std::vector<Decision> decisions;
    for (Attempt& attempt : attempts) {
      attempts_[attempt.message->message_id] = attempt.number;
      const int64_t failures = std::stoll(attempt.message->data);
      Outcome outcome = attempt.number <= failures ? Outcome::AttemptFailed("not yet")
                                                   : Outcome::Rows({{schema::Value(failures)}});
      decisions.push_back({std::move(attempt), std::move(outcome)});
    }
    return decisions;
  }

 private:
  std::map<std::string, int64_t>& attempts_;
};

class RetryTest : public FunctionTest {
 protected:
  std::unique_ptr<Function> Start(Settings settings = DefaultSettings()) {
    auto function =
        Function::Create(std::move(settings), std::make_unique<StubbornTransform>(attempts_),
                         topics_, warehouse_, clock_, metrics_);
    EXPECT_TRUE(function.ok()) << function.status();
    (*function)->Start();
    return *std::move(function);
  }
  // Lets time pass until the function has `backlog` messages left.
  void PassTimeUntil(const Function& function, uint64_t backlog) {
    while (function.backlog() != backlog) {
      clock_.Advance(std::chrono::milliseconds(100));
      std::this_thread::yield();
    }
  }

  std::map<std::string, int64_t> attempts_;
};

TEST_F(RetryTest, AFailedAttemptIsMadeAgainWhileItsNeighboursGoOn) {
  topics_.Publish("2");
  topics_.Publish("0");
  topics_.Publish("9");
  auto function = Start();
  while (function->backlog() != 2) std::this_thread::yield();
  EXPECT_THAT(warehouse_.RowIds(), ElementsAre("2"));
  EXPECT_EQ(function->progress().last_error, "not yet");
  const auto waiting = function->Check();
  EXPECT_EQ(waiting->pending, 2);
  EXPECT_TRUE(waiting->balanced());
  PassTimeUntil(*function, 0);
  function->Stop();
  EXPECT_THAT(warehouse_.RowIds(), ElementsAre("2", "1"));
  EXPECT_EQ(attempts_["1"], 3);
  EXPECT_EQ(attempts_["3"], 5);
  ASSERT_EQ(warehouse_.dead_letters().size(), 1u);
  EXPECT_EQ(warehouse_.dead_letters()[0].attempts, 5);
  EXPECT_EQ(warehouse_.dead_letters()[0].error, "not yet");
  EXPECT_TRUE(function->Check()->balanced());
}

TEST_F(RetryTest, AttemptsSurviveARestartAndWaitingMessagesStayPinned) {
  topics_.Publish("0");
  topics_.Publish("2");
  topics_.Publish("0");
  {
    auto function = Start();
    while (function->backlog() != 1) std::this_thread::yield();
  }
  auto function = Start();
  EXPECT_EQ(topics_.resumed_at().count(1), 1u) << "the reader keeps message 2";
  PassTimeUntil(*function, 0);
  function->Stop();
  EXPECT_THAT(warehouse_.RowIds(), ElementsAre("1", "3", "2"));
  EXPECT_EQ(attempts_["2"], 3);
}

TEST_F(RetryTest, AFullWaitingSetReadsNoFurther) {
  const size_t many = WaitingSet::kSizeMax + 3 * 100;
  for (size_t i = 0; i < many; ++i) topics_.Publish("9");
  Settings settings = DefaultSettings();
  settings.batch_messages_max = 100;
  auto function = Start(settings);
  while (function->progress().waiting < WaitingSet::kSizeMax) std::this_thread::yield();
  EXPECT_GT(function->progress().unread, 0u);
  EXPECT_LT(function->progress().waiting, WaitingSet::kSizeMax + 100);
  EXPECT_EQ(function->Check()->pending, static_cast<int64_t>(many));
}

TEST_F(RetryTest, ARowThatTheTableRefusesIsADeadLetterAndItsNeighboursAreStored) {
  warehouse_.Poison(schema::Value(int64_t{2}));
  for (const char* failures : {"0", "2", "0", "1", "0"}) topics_.Publish(failures);
  auto function = Start();
  PassTimeUntil(*function, 0);
  function->Stop();
  EXPECT_EQ(warehouse_.RowIds().size(), 4u);
  ASSERT_EQ(warehouse_.dead_letters().size(), 1u);
  EXPECT_EQ(warehouse_.dead_letters()[0].message.message_id, "2");
  EXPECT_TRUE(function->Check()->balanced());
}

// Fails for every batch that contains a message "bad"; else one row a message.
class FragileStatement final : public warehouse::BatchSql {
 public:
  absl::StatusOr<std::vector<warehouse::TransformedRow>> Run(
      const std::vector<const event::Message*>& messages, const std::vector<int64_t>&) override {
    std::vector<warehouse::TransformedRow> rows;
    for (size_t i = 0; i < messages.size(); ++i) {
      if (messages[i]->data == "bad") return absl::InvalidArgumentError("bad value");
      if (messages[i]->data == "none") continue;
      rows.push_back({i, {schema::Value(int64_t{1})}});
    }
    return rows;
  }
};

TEST(SqlTransformTest, AFailingBatchIsHalvedUntilTheGuiltyStandAlone) {
  std::vector<Attempt> attempts;
  for (size_t i = 0; i < 9; ++i) {
    auto message = std::make_shared<event::Message>();
    message->data = i == 3 || i == 8 ? "bad" : i == 4 ? "none" : "good";
    attempts.push_back({std::move(message), 1});
  }
  SqlTransform transform(std::make_unique<FragileStatement>());
  const auto decisions = transform.Run(std::move(attempts));
  ASSERT_EQ(decisions.size(), 9u);
  for (size_t i = 0; i < 9; ++i) {
    const auto expected = i == 3 || i == 8 ? Outcome::Kind::kFailed
                          : i == 4         ? Outcome::Kind::kDropped
                                           : Outcome::Kind::kRows;
    EXPECT_EQ(decisions[i].outcome.kind, expected) << i;
  }
  EXPECT_THAT(decisions[8].outcome.error, HasSubstr("bad value"));
}

TEST(StateTest, RoundTripAndDamage) {
  State state{
      {"j", 3, 7}, FunctionTest::kTopic, "attributes:x", 5, 4, {}, {}, {}, 0, {}, {}, false, 0};
  state.waiting.Fail(6, "", 2, host::WallTime(std::chrono::seconds(9)), "it said \xff");
  state.waiting.Start(7, "");
  state.replay = ReplayState{2, 5, "p.d.t", 1};
  state.backfills = {{"file", 10}};
  state.backfilled = 8;
  state.table = {"p", "d", "t"};
  state.dead_letter_table = {"p", "d", "dead_letters"};
  state.removed = true;
  state.dropped_by_operator = 11;
  const auto decoded = State::Decode(state.Encode());
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(decoded->position, state.position);
  EXPECT_EQ(decoded->audited_published, 4);
  ASSERT_EQ(decoded->waiting.size(), 2u);
  EXPECT_EQ(decoded->waiting.Find(6)->attempts, 2);
  EXPECT_EQ(decoded->waiting.Find(6)->next_time, host::WallTime(std::chrono::seconds(9)));
  EXPECT_THAT(decoded->waiting.Find(6)->error, HasSubstr("it said"));
  EXPECT_FALSE(decoded->waiting.Find(7)->in_flight);
  EXPECT_EQ(decoded->decided_through(), 5u);
  EXPECT_EQ(decoded->replay->end, 5u);
  EXPECT_EQ(decoded->backfills.at("file"), 10u);
  EXPECT_EQ(decoded->table.ToString(), "p.d.t");
  EXPECT_EQ(decoded->dead_letter_table.ToString(), "p.d.dead_letters");
  EXPECT_TRUE(decoded->removed);
  EXPECT_EQ(decoded->dropped_by_operator, 11);
  EXPECT_FALSE(State::Decode("{}").ok());
  EXPECT_FALSE(State::Decode("\xff").ok());
}

}  // namespace
}  // namespace afluente::function
