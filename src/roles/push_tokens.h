#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "host/clock.h"
#include "host/file_system.h"

namespace afluente::broker {
struct OidcToken;
}
namespace afluente::identity {
class KeyStore;
}

namespace afluente::roles {

// The tokens that authenticated pushes carry, as Google signs them for service accounts (RS256).
// The key pair is in the data directory, made when the first token is asked for. Owned by the role.
// Thread-safe; blocks on the first use alone.
class PushTokens {
 public:
  PushTokens(const host::Clock& clock, std::string key_file);
  ~PushTokens();

  // A token with at least five minutes left.
  absl::StatusOr<std::string> TokenFor(const broker::OidcToken& oidc_token,
                                       std::string_view endpoint);
  // The JWK set that verifies them.
  absl::StatusOr<std::string> PublicKeys();

 private:
  struct Cached {
    std::string token;
    host::WallTime until;
  };
  absl::Status OpenKeys() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const host::Clock& clock_;
  const std::string key_file_;
  host::PosixFileSystem files_;
  absl::Mutex mutex_;
  std::unique_ptr<identity::KeyStore> keys_ ABSL_GUARDED_BY(mutex_);
  std::map<std::pair<std::string, std::string>, Cached> cache_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace afluente::roles
