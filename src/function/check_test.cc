// Each side of the balance damaged by hand: check must see it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "function/function.h"
#include "function/function_fixture.h"
#include "function/memory_topics.h"
#include "function/memory_warehouse.h"

namespace afluente::function {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

class CheckTest : public FunctionTest {
 protected:
  // Two stored, one dead.
  void SetUp() override {
    topics_.Publish(R"({"a": 1})");
    topics_.Publish(R"({"a": 2})");
    topics_.Publish("broken");
    ASSERT_TRUE(RunUntilDrained(DefaultSettings()).balanced());
  }
  // Of a function that is not started.
  absl::StatusOr<Balance> Check() {
    auto function = Make(DefaultSettings());
    if (!function.ok()) return function.status();
    return (*function)->Check();
  }
  void DamageState(const std::function<void(Json&)>& damage) {
    warehouse_.DamageRecord("store", [&](warehouse::FunctionRecord& record) {
      Json state = Json::parse(record.state);
      damage(state);
      record.state = state.dump();
    });
  }
};

TEST_F(CheckTest, SeesARowThatIsGone) {
  warehouse_.DamageTable([](auto& rows) { rows.pop_back(); });
  EXPECT_FALSE(Check()->balanced());
}

TEST_F(CheckTest, SeesARowThatIsThereTwice) {
  warehouse_.DamageTable([](auto& rows) { rows.push_back(rows.front()); });
  EXPECT_EQ(Check()->messages_doubled, 1);
  EXPECT_FALSE(Check()->balanced());
}

TEST_F(CheckTest, SeesARowThatNobodyPublished) {
  warehouse_.DamageTable([](auto& rows) {
    rows.push_back(rows.front());
    rows.back().message_id = "forged";
  });
  EXPECT_FALSE(Check()->balanced());
}

TEST_F(CheckTest, SeesACounterThatWasAltered) {
  const std::pair<const char*, int64_t warehouse::OutcomeCounters::*> counters[] = {
      {"dropped", &warehouse::OutcomeCounters::dropped},
      {"dead-lettered", &warehouse::OutcomeCounters::dead_lettered},
      {"self-stored", &warehouse::OutcomeCounters::self_stored},
      {"removed", &warehouse::OutcomeCounters::removed}};
  for (const auto& [name, counter] : counters) {
    for (const int64_t change : {-1, 1}) {
      const auto alter = [&](int64_t by) {
        warehouse_.DamageRecord("store", [&](auto& record) { record.counters.*counter += by; });
      };
      alter(change);
      EXPECT_FALSE(Check()->balanced()) << name << " by " << change;
      alter(-change);
      EXPECT_TRUE(Check()->balanced()) << name;
    }
  }
}

TEST_F(CheckTest, SeesAMessageThatTheJournalLost) {
  topics_.Publish(R"({"a": 3})");
  topics_.Publish(R"({"a": 4})");
  topics_.Lose(4);
  const absl::Status status = Check().status();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("message 4"));
}

TEST_F(CheckTest, SeesAPositionThatSkippedAMessage) {
  topics_.Publish(R"({"a": 3})");
  EXPECT_EQ(Check()->pending, 1);
  DamageState([](Json& state) { state["sequence"] = state["sequence"].get<int>() + 1; });
  EXPECT_FALSE(Check()->balanced());
}

TEST_F(CheckTest, SeesAWaitingMessageThatIsForgotten) {
  DamageState([](Json& state) {
    state["sequence"] = 4;
    state["waiting"] = {{"entries", {{4, 1, 0, 0}}}, {"errors", {"not yet"}}};
  });
  topics_.Publish(R"({"a": 3})");
  EXPECT_EQ(Check()->pending, 1);
  EXPECT_TRUE(Check()->balanced());
  DamageState([](Json& state) { state.erase("waiting"); });
  EXPECT_FALSE(Check()->balanced());
}

TEST_F(CheckTest, SeesThatWhatWasAuditedIsAnother) {
  DamageState([](Json& state) { state["audited_published"] = 1; });
  EXPECT_FALSE(Check()->balanced());
}

}  // namespace
}  // namespace afluente::function
