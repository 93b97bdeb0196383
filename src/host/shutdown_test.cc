#include "host/shutdown.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

namespace afluente::host {
namespace {

TEST(ShutdownSignalTest, TheFirstSignalIsACall) {
  int called = 0;
  {
    ShutdownSignal shutdown([&called](int number) { called = number; });
    kill(getpid(), SIGTERM);
    EXPECT_EQ(shutdown.Wait(), SIGTERM);
  }
  EXPECT_EQ(called, SIGTERM);
}

TEST(ShutdownSignalTest, EndsWithoutASignal) { ShutdownSignal first; }

TEST(ShutdownSignalDeathTest, TheSecondSignalEndsTheProcess) {
  testing::GTEST_FLAG(death_test_style) = "threadsafe";
  EXPECT_EXIT(
      {
        ShutdownSignal shutdown;
        kill(getpid(), SIGTERM);
        shutdown.Wait();
        kill(getpid(), SIGINT);
        pause();
      },
      testing::ExitedWithCode(128 + SIGINT), "");
}

TEST(ShutdownSignalDeathTest, EarlierMeaningComesBack) {
  testing::GTEST_FLAG(death_test_style) = "threadsafe";
  EXPECT_EXIT(
      {
        {
          ShutdownSignal shutdown;
        }
        kill(getpid(), SIGTERM);
        pause();
      },
      testing::KilledBySignal(SIGTERM), "");
}

}  // namespace
}  // namespace afluente::host
