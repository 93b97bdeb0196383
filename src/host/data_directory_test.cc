#include "host/data_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "absl/strings/str_cat.h"

namespace afluente::host {
namespace {

std::string FreshPath(const std::string& name) {
  const std::string path = absl::StrCat(testing::TempDir(), "/", name, ".", getpid());
  std::filesystem::remove_all(path);
  return path;
}

TEST(DataDirectoryTest, RefusesASecondHolderByItsPid) {
  const std::string path = FreshPath("a/b/data");
  auto first = DataDirectory::Open(path);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_TRUE(std::filesystem::is_directory(path));
  auto second = DataDirectory::Open(path);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(second.status().message()),
              testing::HasSubstr(absl::StrCat("process ", getpid())));
  first->reset();
  EXPECT_TRUE(DataDirectory::Open(path).ok());
}

TEST(DataDirectoryTest, AKilledHolderLetsGo) {
  const std::string path = FreshPath("killed");
  int ready[2] = {};
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    auto held = DataDirectory::Open(path);
    const char byte = held.ok() ? 'y' : 'n';
    if (write(ready[1], &byte, 1) == 1) pause();
    _exit(1);
  }
  char byte = 0;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  ASSERT_EQ(byte, 'y');
  auto refused = DataDirectory::Open(path);
  EXPECT_THAT(std::string(refused.status().message()),
              testing::HasSubstr(absl::StrCat("process ", child)));
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  EXPECT_TRUE(DataDirectory::Open(path).ok());
}

TEST(DataDirectoryTest, NamesWhatItCannotCreate) {
  auto opened = DataDirectory::Open("/proc/afluente");
  EXPECT_FALSE(opened.ok());
  EXPECT_THAT(std::string(opened.status().message()), testing::HasSubstr("/proc/afluente"));
}

}  // namespace
}  // namespace afluente::host
