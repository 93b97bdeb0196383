#include "host/stepped_clock.h"

#include <gtest/gtest.h>

#include "host/manual_clock.h"

namespace afluente::host {
namespace {

TEST(SteppedClock, RunsAheadOfTheOtherOneByItsSteps) {
  ManualClock under;
  SteppedClock clock(under);
  const WallTime wall = clock.Now();
  const MonotonicTime monotonic = clock.Monotonic();
  clock.Advance(std::chrono::hours(1));
  under.Advance(std::chrono::seconds(1));
  clock.Advance(std::chrono::hours(1));
  EXPECT_EQ(clock.Now() - wall, std::chrono::seconds(7201));
  EXPECT_EQ(clock.Monotonic() - monotonic, std::chrono::seconds(7201));
  EXPECT_EQ(clock.ahead(), std::chrono::hours(2));
}

}  // namespace
}  // namespace afluente::host
