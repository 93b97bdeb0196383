#include "host/file_copy.h"

#include <gtest/gtest.h>

#include "host/cancellation.h"
#include "host/faulty_file_system.h"

namespace afluente::host {
namespace {

// What `sha256sum` prints of three million letters x.
constexpr char kDigest[] = "e55b8bdf621ddaa8f462c74745db9680d3bb7536a9cf854f8d6668b34a287890";

class FileCopy : public testing::Test {
 protected:
  FileCopy() {
    EXPECT_TRUE(files_.CreateDirectory("/d").ok());
    auto file = files_.Open("/d/source", FileSystem::Mode::kCreateNew);
    EXPECT_TRUE((*file)->WriteAt(0, std::string(3'000'000, 'x') + "behind").ok());
    part_ = {"source", std::shared_ptr<const File>(*std::move(file)), 3'000'000, 3'000'000};
  }
  uint64_t SizeOf(const std::string& path) {
    return *(*files_.Open(path, FileSystem::Mode::kRead))->Size();
  }

  FaultyFileSystem files_;
  FilePart part_;
};

TEST_F(FileCopy, TakesTheBytesAndNothingBehindThem) {
  const auto digest = CopyPart(part_, files_, "/d/copy", nullptr);
  ASSERT_TRUE(digest.ok()) << digest.status();
  EXPECT_EQ(*digest, kDigest);
  EXPECT_EQ(SizeOf("/d/copy"), 3'000'000);
}

TEST_F(FileCopy, AsLongAsTheFileWithZeros) {
  part_.size = 4'000'000;
  ASSERT_TRUE(CopyPart(part_, files_, "/d/copy", nullptr).ok());
  const auto copy = *files_.Open("/d/copy", FileSystem::Mode::kRead);
  EXPECT_EQ(*copy->Size(), 4'000'000);
  EXPECT_EQ(*copy->ReadAt(2'999'999, 3), std::string("x\0\0", 3));
}

TEST_F(FileCopy, AShorterFileIsSaid) {
  part_.bytes = 3'000'007;
  const auto digest = CopyPart(part_, files_, "/d/copy", nullptr);
  EXPECT_EQ(digest.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_NE(digest.status().message().find("3000006 bytes instead of 3000007"), std::string::npos)
      << digest.status();
}

TEST_F(FileCopy, StopsWhenCancelled) {
  Cancellation cancellation;
  cancellation.Cancel();
  EXPECT_EQ(CopyPart(part_, files_, "/d/copy", &cancellation).status().code(),
            absl::StatusCode::kCancelled);
}

TEST_F(FileCopy, NeverReplacesAFile) {
  ASSERT_TRUE(CopyPart(part_, files_, "/d/copy", nullptr).ok());
  EXPECT_FALSE(CopyPart(part_, files_, "/d/copy", nullptr).ok());
}

}  // namespace
}  // namespace afluente::host
