#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "host/clock.h"
#include "identity/jose.h"
#include "identity/signer.h"

namespace afluente::identity {

// The keys of one issuer by key id.
using KeySet = std::map<std::string, std::shared_ptr<const VerifyingKey>, std::less<>>;

// Reads a JWK set (RFC 7517, 5). Keys of kinds that we never use are passed over, as the RFC wants;
// INVALID_ARGUMENT for what is no set, two keys of one id, or no usable key at all.
absl::StatusOr<KeySet> ParseKeySet(std::string_view text);

// A JWK set's text and how long it may be used without asking again.
struct LoadedKeys {
  std::string text;
  std::chrono::seconds max_age{3600};
};
// Fetches a set; may block for some seconds.
using KeyLoader = std::function<absl::StatusOr<LoadedKeys>()>;

// The signer's own keys, without a network. The signer outlives the loader.
KeyLoader LoadFrom(const Signer& signer);
// From an https: URL, an http: URL on loopback, or file:PATH. INVALID_ARGUMENT for anything else.
// Redirections are not followed.
absl::StatusOr<KeyLoader> LoadFromUrl(const std::string& url);

// Port: one issuer's keys. Thread-safe.
class KeySource {
 public:
  virtual ~KeySource() = default;
  struct Found {
    std::shared_ptr<const VerifyingKey> key;  // shared: a refresh may drop it from the set
    bool ask_again = false;  // the set is old, or lacks the key, and Refresh may help
  };
  // Never blocks.
  virtual Found Find(std::string_view key_id) = 0;
  // Does what Find asked for unless another thread has, and waits for the one that does. On an
  // error the old keys stay. Blocks.
  virtual absl::Status Refresh() = 0;
};

// Keeps what a loader gave: for its max-age, longer while the issuer cannot be reached. A missing
// key makes it ask again, at most once in kRefreshInterval whatever callers send.
class CachedKeySource final : public KeySource {
 public:
  static constexpr std::chrono::seconds kRefreshInterval{10};

  CachedKeySource(KeyLoader loader, const host::Clock& clock)
      : loader_(std::move(loader)), clock_(clock) {}

  Found Find(std::string_view key_id) override;
  absl::Status Refresh() override;

 private:
  const KeyLoader loader_;
  const host::Clock& clock_;
  absl::Mutex mutex_;
  KeySet keys_ ABSL_GUARDED_BY(mutex_);
  host::MonotonicTime fresh_until_ ABSL_GUARDED_BY(mutex_){};
  host::MonotonicTime next_refresh_ ABSL_GUARDED_BY(mutex_){};
  absl::Status last_ ABSL_GUARDED_BY(mutex_);
  bool asked_ ABSL_GUARDED_BY(mutex_) = false;
  bool wanted_ ABSL_GUARDED_BY(mutex_) = false;  // a caller of Find was told to refresh
  bool loading_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace afluente::identity
