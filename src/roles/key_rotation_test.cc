#include "roles/key_rotation.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "host/file_system.h"
#include "host/manual_clock.h"
#include "identity/key_store.h"

namespace afluente::roles {
namespace {

TEST(KeyRotation, RotatesARunningStoreWhenItsKeyIsOld) {
  char name[] = "/tmp/afluente-rotation-XXXXXX";
  const std::string directory = mkdtemp(name);
  host::PosixFileSystem files;
  host::ManualClock clock;
  auto store = identity::KeyStore::Open(files, clock, directory + "/keys.json");
  ASSERT_TRUE(store.ok()) << store.status();
  const std::string before = (*store)->PublicKeys();
  {
    const KeyRotation rotation({store->get()}, std::chrono::milliseconds(1));
    clock.Advance(std::chrono::days(31));
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while ((*store)->PublicKeys() == before && std::chrono::steady_clock::now() < end) {
      std::this_thread::yield();
    }
  }
  EXPECT_NE((*store)->PublicKeys(), before);
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace afluente::roles
