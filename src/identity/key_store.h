#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "host/clock.h"
#include "host/file_system.h"
#include "identity/jose.h"
#include "identity/signer.h"

namespace afluente::identity {

struct KeyStoreOptions {
  Algorithm algorithm = Algorithm::kEs256;
  // A key signs this long.
  std::chrono::seconds rotate_after = std::chrono::days(30);
  // A key stays in the set this long after its last signature: its longest token's life, and skew.
  std::chrono::seconds keep_after{3600 + 60};
};

// Key pairs of one algorithm in one file (docs/formats/identity-keys.md), written whole beside the
// old one and renamed, readable by its owner alone. Owned by roles/, which owns the directory's
// lock too. Thread-safe. After a crash the file has the keys before or after the rotation, and
// every key that has signed is in it.
class KeyStore final : public Signer {
 public:
  // Reads the file, or makes the first key and writes it; then rotates if that is due. DATA_LOSS
  // when the file is damaged (it is never replaced). Blocks.
  static absl::StatusOr<std::unique_ptr<KeyStore>> Open(host::FileSystem& files,
                                                        const host::Clock& clock,
                                                        const std::string& path,
                                                        KeyStoreOptions options = {});

  absl::StatusOr<std::string> Sign(std::string_view claims) const override;
  std::string PublicKeys() const override;

  // A new key signs from now on. On an error the old one goes on. Blocks.
  absl::Status Rotate();
  // Rotates when the newest key is older than `rotate_after`. Blocks then.
  absl::Status RotateIfDue();

 private:
  struct Entry {
    std::shared_ptr<const SigningKey> key;  // shared with a signature under way
    int64_t created = 0;                    // seconds since the epoch
    int64_t retired = 0;                    // 0 = it signs
  };

  KeyStore(host::FileSystem& files, const host::Clock& clock, std::string path,
           KeyStoreOptions options)
      : files_(files), clock_(clock), path_(std::move(path)), options_(options) {}
  absl::Status Read();
  absl::Status Write(const std::vector<Entry>& entries) const;
  int64_t Now() const;
  bool InUse(const Entry& entry, int64_t now) const;

  host::FileSystem& files_;
  const host::Clock& clock_;
  const std::string path_;
  const KeyStoreOptions options_;
  mutable absl::Mutex mutex_;
  std::vector<Entry> entries_ ABSL_GUARDED_BY(mutex_);  // the newest last
};

}  // namespace afluente::identity
