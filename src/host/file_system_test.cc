#include "host/file_system.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "host/faulty_file_system.h"
#include "host/random.h"

namespace afluente::host {
namespace {

using Mode = FileSystem::Mode;

// What every FileSystem does, the machine's and the double alike.
class FileSystemTest : public testing::TestWithParam<bool> {
 protected:
  FileSystemTest() {
    directory_ = absl::StrCat(testing::TempDir(), "/files.", getpid());
    std::filesystem::remove_all(directory_);
    if (GetParam()) {
      files_ = std::make_unique<PosixFileSystem>();
    } else {
      files_ = std::make_unique<FaultyFileSystem>();
    }
    EXPECT_TRUE(files_->CreateDirectory(directory_ + "/x/y").ok());
  }
  std::string Path(const std::string& name) const { return directory_ + "/" + name; }

  std::string directory_;
  std::unique_ptr<FileSystem> files_;
};

TEST_P(FileSystemTest, WritesAndReadsAtPositions) {
  auto file = files_->Open(Path("f"), Mode::kCreateNew);
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_TRUE((*file)->WriteAt(5, "world").ok());
  ASSERT_TRUE((*file)->WriteAt(0, "hello").ok());
  ASSERT_TRUE((*file)->Sync().ok());
  auto reader = files_->Open(Path("f"), Mode::kRead);
  ASSERT_TRUE(reader.ok());
  EXPECT_EQ((*reader)->ReadAt(3, 4).value(), "lowo");
  EXPECT_EQ((*reader)->ReadAt(8, 100).value(), "ld");
  EXPECT_EQ((*reader)->ReadAt(10, 1).value(), "");
  EXPECT_EQ((*reader)->ReadAt(50, 1).value(), "");
  EXPECT_FALSE((*reader)->WriteAt(0, "no").ok());
}

TEST_P(FileSystemTest, AllocatesAndTruncates) {
  auto file = files_->Open(Path("f"), Mode::kCreateNew);
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE((*file)->WriteAt(0, "abc").ok());
  ASSERT_TRUE((*file)->Allocate(6).ok());
  EXPECT_EQ((*file)->Size().value(), 6);
  EXPECT_EQ((*file)->ReadAt(0, 10).value(), std::string("abc\0\0\0", 6));
  ASSERT_TRUE((*file)->Allocate(2).ok());
  EXPECT_EQ((*file)->Size().value(), 6);
  ASSERT_TRUE((*file)->Truncate(2).ok());
  EXPECT_EQ((*file)->ReadAt(0, 10).value(), "ab");
}

TEST_P(FileSystemTest, NamesAreKeptRenamedAndRemoved) {
  EXPECT_EQ(files_->Open(Path("f"), Mode::kRead).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(files_->Open(Path("f"), Mode::kReadWrite).status().code(), absl::StatusCode::kNotFound);
  ASSERT_TRUE(files_->Open(Path("f"), Mode::kCreateNew).ok());
  EXPECT_EQ(files_->Open(Path("f"), Mode::kCreateNew).status().code(),
            absl::StatusCode::kAlreadyExists);
  ASSERT_TRUE(files_->Open(Path("g"), Mode::kCreateNew).value()->WriteAt(0, "new").ok());
  EXPECT_THAT(files_->List(directory_).value(), testing::ElementsAre("f", "g", "x"));
  ASSERT_TRUE(files_->Rename(Path("g"), Path("f")).ok());
  EXPECT_EQ(files_->Open(Path("f"), Mode::kRead).value()->ReadAt(0, 9).value(), "new");
  ASSERT_TRUE(files_->SyncDirectory(directory_).ok());
  ASSERT_TRUE(files_->Remove(Path("f")).ok());
  EXPECT_EQ(files_->Remove(Path("f")).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(files_->Rename(Path("f"), Path("h")).code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(files_->List(directory_).value(), testing::ElementsAre("x"));
  EXPECT_EQ(files_->List(Path("none")).status().code(), absl::StatusCode::kNotFound);
  EXPECT_GT(files_->FreeBytes(directory_).value(), 0);
}

TEST_P(FileSystemTest, ARemovedFileIsReadWhileOpen) {
  auto file = files_->Open(Path("f"), Mode::kCreateNew);
  ASSERT_TRUE((*file)->WriteAt(0, "still").ok());
  ASSERT_TRUE(files_->Remove(Path("f")).ok());
  EXPECT_EQ((*file)->ReadAt(0, 5).value(), "still");
}

INSTANTIATE_TEST_SUITE_P(Machine, FileSystemTest, testing::Values(true));
INSTANTIATE_TEST_SUITE_P(Double, FileSystemTest, testing::Values(false));

TEST(RandomTest, IsNotTheSameTwice) {
  EXPECT_EQ(RandomBytes(16).size(), 16);
  EXPECT_NE(RandomBytes(16), RandomBytes(16));
  EXPECT_EQ(RandomHex(4).size(), 8);
  EXPECT_EQ(RandomHex(64).find_first_not_of("0123456789abcdef"), std::string::npos);
  EXPECT_NE(RandomUint64(), RandomUint64());
}

}  // namespace
}  // namespace afluente::host
