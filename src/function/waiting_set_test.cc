#include "function/waiting_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace afluente::function {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr seconds kWaitMax{60};

host::WallTime At(int64_t second) { return host::WallTime(seconds(second)); }

TEST(RetryPolicy, BackoffDoublesWithinItsBounds) {
  const RetryPolicy policy{milliseconds(1'000), milliseconds(5'000), 5};
  EXPECT_EQ(policy.BackoffAfter(1), milliseconds(1'000));
  EXPECT_EQ(policy.BackoffAfter(2), milliseconds(2'000));
  EXPECT_EQ(policy.BackoffAfter(3), milliseconds(4'000));
  EXPECT_EQ(policy.BackoffAfter(4), milliseconds(5'000));
  EXPECT_EQ(policy.BackoffAfter(100), milliseconds(5'000));
}

TEST(WaitingSet, WhatFailedIsDueAtItsTimeAndWhatIsInFlightIsNot) {
  WaitingSet waiting;
  waiting.Fail(3, "", 1, At(10), "no");
  waiting.Start(4, "");
  waiting.Fail(5, "", 2, At(5), "no");
  EXPECT_THAT(waiting.Due(At(4), kWaitMax, true, 10), IsEmpty());
  EXPECT_EQ(waiting.NextTime(), At(5));
  EXPECT_THAT(waiting.Due(At(5), kWaitMax, true, 10), ElementsAre(5));
  EXPECT_THAT(waiting.Due(At(10), kWaitMax, true, 10), ElementsAre(3, 5));
  EXPECT_THAT(waiting.Due(At(10), kWaitMax, true, 1), ElementsAre(3));
  waiting.Erase(3);
  waiting.Erase(3);
  EXPECT_THAT(waiting.Due(At(10), kWaitMax, true, 10), ElementsAre(5));
}

TEST(WaitingSet, AClockThatIsSetBackMakesNobodyWaitForEver) {
  WaitingSet waiting;
  waiting.Fail(1, "", 1, At(1'000'000), "no");
  EXPECT_THAT(waiting.Due(At(5), kWaitMax, true, 10), ElementsAre(1));
}

TEST(WaitingSet, AKeyIsHeldByItsFirstMessageAlone) {
  WaitingSet waiting;
  waiting.Fail(1, "a", 1, At(10), "no");
  waiting.Hold(2, "a");
  waiting.Hold(3, "a");
  waiting.Hold(4, "b");
  EXPECT_TRUE(waiting.IsHeld("a", 2));
  EXPECT_FALSE(waiting.IsHeld("a", 1));
  EXPECT_FALSE(waiting.IsHeld("c", 9));
  EXPECT_FALSE(waiting.IsHeld("", 9));
  EXPECT_THAT(waiting.Due(At(0), kWaitMax, true, 10), ElementsAre(4));
  EXPECT_THAT(waiting.Due(At(10), kWaitMax, true, 10), ElementsAre(1, 4));
  // What is pure may be tried together and thrown away.
  EXPECT_THAT(waiting.Due(At(10), kWaitMax, false, 10), ElementsAre(1, 2, 3, 4));
  waiting.Erase(1);
  EXPECT_FALSE(waiting.IsHeld("a", 2));
  EXPECT_THAT(waiting.Due(At(0), kWaitMax, true, 10), ElementsAre(2, 4));
}

TEST(WaitingSet, HoldingKeepsTheAttemptsThatWereMade) {
  WaitingSet waiting;
  waiting.Fail(1, "a", 3, At(0), "no");
  waiting.Start(1, "a");
  waiting.Hold(1, "a");
  EXPECT_EQ(waiting.Find(1)->attempts, 3);
  EXPECT_FALSE(waiting.Find(1)->in_flight);
}

}  // namespace
}  // namespace afluente::function
