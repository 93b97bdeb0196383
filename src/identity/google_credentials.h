#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "host/clock.h"
#include "http/message.h"

namespace afluente::identity {

// One request to Google's token endpoints or to the metadata server, answered whatever its status.
// May block.
struct TokenRequest {
  std::string method;
  std::string url;
  http::Headers headers;
  std::string body;
};
using Exchange = std::function<absl::StatusOr<http::Response>(const TokenRequest&)>;

// Access tokens for Google's APIs from where Google's own libraries take them ("How Application
// Default Credentials works"): the file that GOOGLE_APPLICATION_CREDENTIALS names, then the one
// that gcloud writes, then the metadata server. Files of the types service_account, authorized_user
// and impersonated_service_account; others are refused by name. Tokens are kept until five minutes
// before their end. Thread-safe.
class GoogleCredentials {
 public:
  // What is looked at of the process's environment.
  struct Environment {
    std::string credentials_file;  // GOOGLE_APPLICATION_CREDENTIALS
    std::string well_known_file;   // gcloud's, in the home directory; may not exist
    std::string metadata_host = "metadata.google.internal";  // GCE_METADATA_HOST
    static Environment Read();
  };

  // INVALID_ARGUMENT or NOT_FOUND for a file that is named and cannot be used. Asks nobody yet.
  static absl::StatusOr<std::unique_ptr<GoogleCredentials>> Find(const Environment& environment,
                                                                 Exchange exchange,
                                                                 const host::Clock& clock);
  ~GoogleCredentials();

  // A token with at least five minutes left, or the old one while it lasts and none can be had.
  // UNAVAILABLE, or UNAUTHENTICATED when Google refuses. Blocks.
  absl::StatusOr<std::string> Token();

  // One way to get a token.
  class Source;
  struct Fresh {
    std::string token;
    std::chrono::seconds life{};
  };

 private:
  GoogleCredentials(std::unique_ptr<Source> source, const host::Clock& clock);

  const std::unique_ptr<Source> source_;
  const host::Clock& clock_;
  absl::Mutex mutex_;  // held while a token is fetched: everybody needs that one
  std::string token_ ABSL_GUARDED_BY(mutex_);
  host::MonotonicTime ends_ ABSL_GUARDED_BY(mutex_){};
};

}  // namespace afluente::identity
