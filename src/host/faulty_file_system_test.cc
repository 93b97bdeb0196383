#include "host/faulty_file_system.h"

#include <gtest/gtest.h>

namespace afluente::host {
namespace {

using Mode = FileSystem::Mode;

std::unique_ptr<File> Create(FaultyFileSystem& files, const std::string& path) {
  (void)files.CreateDirectory("/d");
  return files.Open(path, Mode::kCreateNew).value();
}

TEST(FaultyFileSystemTest, PowerLossKeepsWhatWasSyncedAndSomeOfTheRest) {
  int kept = 0;
  int lost = 0;
  int torn = 0;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    FaultyFileSystem files(seed);
    auto file = Create(files, "/d/f");
    ASSERT_TRUE(file->WriteAt(0, std::string(1024, 'a')).ok());
    ASSERT_TRUE(file->Sync().ok());
    ASSERT_TRUE(files.SyncDirectory("/d").ok());
    ASSERT_TRUE(file->WriteAt(0, std::string(1024, 'b')).ok());
    files.PowerLoss();
    EXPECT_FALSE(file->ReadAt(0, 1).ok()) << "a handle from before";
    const std::string left = files.Content("/d/f");
    if (left == std::string(1024, 'b')) {
      ++kept;
    } else if (left == std::string(1024, 'a')) {
      ++lost;
    } else {
      ASSERT_TRUE(left == std::string(512, 'a') + std::string(512, 'b') ||
                  left == std::string(512, 'b') + std::string(512, 'a'));
      ++torn;
    }
  }
  EXPECT_GT(kept, 20);
  EXPECT_GT(lost, 20);
  EXPECT_GT(torn, 40);
}

TEST(FaultyFileSystemTest, PowerLossTakesNamesThatTheirDirectoryDidNotSync) {
  int created = 0;
  int removed = 0;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    FaultyFileSystem files(seed);
    ASSERT_TRUE(Create(files, "/d/old")->Sync().ok());
    ASSERT_TRUE(files.SyncDirectory("/d").ok());
    ASSERT_TRUE(Create(files, "/d/new")->Sync().ok());
    ASSERT_TRUE(files.Remove("/d/old").ok());
    files.PowerLoss();
    created += files.Open("/d/new", Mode::kRead).ok() ? 1 : 0;
    removed += files.Open("/d/old", Mode::kRead).ok() ? 0 : 1;
  }
  EXPECT_GT(created, 20);
  EXPECT_LT(created, 80);
  EXPECT_GT(removed, 20);
  EXPECT_LT(removed, 80);
}

TEST(FaultyFileSystemTest, AFailedSyncLeavesPagesThatOnlySeemToBeOnDisk) {
  int lost = 0;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    FaultyFileSystem files(seed);
    auto file = Create(files, "/d/f");
    ASSERT_TRUE(file->Allocate(100).ok());
    ASSERT_TRUE(file->Sync().ok());
    ASSERT_TRUE(files.SyncDirectory("/d").ok());
    ASSERT_TRUE(file->WriteAt(0, "seen").ok());
    files.FailSyncs(1);
    ASSERT_FALSE(file->Sync().ok());
    auto again = files.Open("/d/f", Mode::kReadWrite).value();
    EXPECT_EQ(again->ReadAt(0, 4).value(), "seen");
    ASSERT_TRUE(again->Sync().ok());
    files.PowerLoss();
    lost += files.Content("/d/f").substr(0, 4) == "seen" ? 0 : 1;
  }
  EXPECT_GT(lost, 10);
}

TEST(FaultyFileSystemTest, FailsTheOperationAskedFor) {
  FaultyFileSystem files;
  auto file = Create(files, "/d/f");
  files.FailOperation(2);
  EXPECT_TRUE(file->WriteAt(0, "whole").ok());
  EXPECT_EQ(file->WriteAt(0, "WHOLE").code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(file->Sync().ok());
  EXPECT_EQ(files.faults(), 1u);
  files.FailFrom(1);
  EXPECT_FALSE(file->WriteAt(0, "never").ok());
  EXPECT_FALSE(files.List("/d").ok());
  files.FailFrom(0);
  EXPECT_NE(files.Content("/d/f"), "never");
  EXPECT_TRUE(files.List("/d").ok());
}

TEST(FaultyFileSystemTest, AFullDiskTakesWhatFits) {
  FaultyFileSystem files;
  files.SetCapacity(10);
  auto file = Create(files, "/d/f");
  EXPECT_TRUE(file->WriteAt(0, "12345678").ok());
  EXPECT_EQ(files.FreeBytes("/d").value(), 2u);
  EXPECT_EQ(file->WriteAt(8, "abcd").code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(files.Content("/d/f"), "12345678ab");
  EXPECT_TRUE(file->WriteAt(2, "over").ok()) << "room that the file has already";
  EXPECT_EQ(file->Allocate(11).code(), absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace afluente::host
