#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "warehouse/bigquery/rest_client.h"

namespace afluente::host {
class Clock;
}
namespace afluente::http {
class ConnectionPool;
}
namespace afluente::identity {
class GoogleCredentials;
}

namespace afluente::roles {

// The process's own Google credentials, or none for an emulator. Outlived by the pool.
class GoogleAccess {
 public:
  // Asks nobody yet. INVALID_ARGUMENT or NOT_FOUND for credentials that cannot be used.
  static absl::StatusOr<std::unique_ptr<GoogleAccess>> Find(bool emulator,
                                                            http::ConnectionPool& connections,
                                                            const host::Clock& clock);
  ~GoogleAccess();
  // Outlived by this; may block.
  warehouse::bigquery::AccessToken token();

 private:
  explicit GoogleAccess(std::unique_ptr<identity::GoogleCredentials> credentials);
  const std::unique_ptr<identity::GoogleCredentials> credentials_;  // nullptr: an emulator
};

}  // namespace afluente::roles
