#include "host/secret_file.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace afluente::host {
namespace {

TEST(SecretFile, IsMadeOnceAndChecked) {
  std::string directory = (std::filesystem::temp_directory_path() / "secret-XXXXXX").string();
  ASSERT_NE(mkdtemp(directory.data()), nullptr);
  PosixFileSystem files;
  const std::string path = directory + "/key";
  std::ofstream(path + ".part") << "left by a crash";
  const auto first = LoadOrCreateSecret(files, path, 32);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(first->size(), 32u);
  EXPECT_EQ(*LoadOrCreateSecret(files, path, 32), *first);
  const auto mode = std::filesystem::status(path).permissions();
  EXPECT_EQ(mode, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  std::ofstream(path, std::ios::app) << "x";
  EXPECT_TRUE(absl::IsDataLoss(LoadOrCreateSecret(files, path, 32).status()));
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace afluente::host
