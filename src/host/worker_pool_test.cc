#include "host/worker_pool.h"

#include <gtest/gtest.h>

#include <atomic>

#include "absl/synchronization/notification.h"

namespace afluente::host {
namespace {

TEST(WorkerPoolTest, FinishesWhatWasTaken) {
  std::atomic<int> done = 0;
  {
    WorkerPool pool(3, 1000);
    for (int i = 0; i < 1000; ++i) {
      while (!pool.Submit([&done] { ++done; })) {
      }
    }
  }
  EXPECT_EQ(done, 1000);
}

TEST(WorkerPoolTest, RefusesWhenFull) {
  absl::Notification started;
  absl::Notification release;
  int done = 0;
  {
    WorkerPool pool(1, 2);
    ASSERT_TRUE(pool.Submit([&] {
      started.Notify();
      release.WaitForNotification();
    }));
    started.WaitForNotification();
    EXPECT_TRUE(pool.Submit([&done] { ++done; }));
    EXPECT_TRUE(pool.Submit([&done] { ++done; }));
    EXPECT_FALSE(pool.Submit([&done] { ++done; }));
    release.Notify();
  }
  EXPECT_EQ(done, 2);
}

}  // namespace
}  // namespace afluente::host
