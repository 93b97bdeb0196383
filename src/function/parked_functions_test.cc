#include "function/parked_functions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "function/function.h"
#include "function/function_fixture.h"
#include "function/memory_topics.h"
#include "function/memory_warehouse.h"
#include "host/manual_clock.h"

namespace afluente::function {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ParkedFunctionsTest : public FunctionTest {
 protected:
  static Settings SettingsOf(const std::string& name) {
    Settings settings = DefaultSettings();
    settings.name = name;
    return settings;
  }

  absl::StatusOr<std::unique_ptr<ParkedFunctions>> Open(const NamedFunctions& named) {
    return ParkedFunctions::Open(named, topics_, warehouse_, clock_, metrics_);
  }

  Balance OnlyBalance(const NamedFunctions& named) {
    auto parked = Open(named);
    EXPECT_TRUE(parked.ok()) << parked.status();
    auto balances = (*parked)->Check();
    EXPECT_TRUE(balances.ok()) << balances.status();
    EXPECT_EQ(balances->size(), 1u);
    return balances->empty() ? Balance{} : balances->front();
  }
};

TEST_F(ParkedFunctionsTest, AParkedFunctionStaysPinnedAndBalanced) {
  topics_.Publish(R"({"a": 1})");
  RunUntilDrained(SettingsOf("store"));
  topics_.Publish(R"({"a": 2})");
  auto parked = Open({});
  ASSERT_TRUE(parked.ok()) << parked.status();
  EXPECT_THAT((*parked)->names(), ElementsAre("store"));
  EXPECT_EQ(topics_.resumed_at().count(1), 1u) << "message 2 is kept";
  const Balance balance = OnlyBalance({});
  EXPECT_EQ(balance.standing, Balance::Standing::kParked);
  EXPECT_EQ(balance.published, 2);
  EXPECT_EQ(balance.pending, 1);
  EXPECT_TRUE(balance.balanced());
}

TEST_F(ParkedFunctionsTest, RemovalCountsWhatWasPendingOnce) {
  topics_.Publish(R"({"a": 1})");
  RunUntilDrained(SettingsOf("store"));
  topics_.Publish(R"({"a": 2})");
  topics_.Publish(R"({"a": 3})");
  for (int start = 0; start < 2; ++start) {
    const Balance balance = OnlyBalance({{}, {"store"}});
    EXPECT_EQ(balance.standing, Balance::Standing::kRemoved);
    EXPECT_EQ(balance.published, 3);
    EXPECT_EQ(balance.dropped_by_operator, 2);
    EXPECT_EQ(balance.pending, 0);
    EXPECT_TRUE(balance.balanced());
    topics_.Publish(R"({"a": 4})");  // after its time
  }
  // In the specification again, it begins behind what an operator dropped.
  RunUntilDrained(SettingsOf("store"));
  EXPECT_THAT(warehouse_.RowIds(), ElementsAre("1", "4", "5"));
  const auto balance = (*Make(SettingsOf("store")))->Check();
  EXPECT_EQ(balance->published, 5);
  EXPECT_TRUE(balance->balanced());
}

TEST_F(ParkedFunctionsTest, ARefusedRemovalHappensAtTheNextStart) {
  topics_.Publish(R"({"a": 1})");
  ASSERT_TRUE(Make(SettingsOf("store")).ok());
  warehouse_.Refuse(1);
  EXPECT_FALSE(Open({{}, {"store"}}).ok());
  EXPECT_EQ(OnlyBalance({{}, {"store"}}).dropped_by_operator, 1);
}

TEST_F(ParkedFunctionsTest, AnotherNameForTheSameTableNeedsPreviousName) {
  topics_.Publish(R"({"a": 1})");
  RunUntilDrained(SettingsOf("store"));
  NamedFunctions named{{{"keep", "", {"p", "d", "t"}}}, {}};
  EXPECT_THAT(std::string(Open(named).status().message()), HasSubstr("previous_name: store"));
  named.current[0].previous_name = "store";
  auto parked = Open(named);
  ASSERT_TRUE(parked.ok()) << parked.status();
  EXPECT_TRUE((*parked)->names().empty());
  Settings settings = SettingsOf("keep");
  settings.previous_name = "store";
  topics_.Publish(R"({"a": 2})");
  RunUntilDrained(settings);
  EXPECT_THAT(warehouse_.RowIds(), ElementsAre("1", "2"));
  EXPECT_TRUE((*Make(settings))->Check()->balanced());
  // The old name is free, and its state cannot be taken a second time.
  Settings again = SettingsOf("store");
  again.table.table = "u";
  ASSERT_TRUE(Make(again).ok());
  EXPECT_THAT(std::string(Make(settings).status().message()), HasSubstr("both have read messages"));
}

TEST_F(ParkedFunctionsTest, ATableCannotChange) {
  ASSERT_TRUE(Make(SettingsOf("store")).ok());
  Settings moved = SettingsOf("store");
  moved.table.table = "u";
  EXPECT_THAT(std::string(Make(moved).status().message()), HasSubstr("fed p.d.t"));
}

}  // namespace
}  // namespace afluente::function
