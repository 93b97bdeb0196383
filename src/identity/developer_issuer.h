#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "host/clock.h"
#include "http/message.h"
#include "identity/form.h"
#include "identity/signer.h"
#include "spec/access.h"

namespace afluente::identity {

// Where the developer issuer answers on the proxy's door.
inline constexpr char kIssuerPath[] = "/_afluente/issuer";
// The client that the built-in proxy is to it.
inline constexpr char kDeveloperClient[] = "afluente-developer";

// An OpenID provider that believes whoever asks: for development, on loopback alone (roles/ refuses
// to make one otherwise). Code flow with PKCE S256, to loopback redirect addresses. Thread-safe;
// codes and access tokens are forgotten when the process ends.
class DeveloperIssuer {
 public:
  DeveloperIssuer(std::string url, const spec::Access& access, const Signer& signer,
                  const host::Clock& clock);

  const std::string& url() const { return url_; }
  // The answer to a request below kIssuerPath. Does not block.
  http::Response Handle(const http::Request& request);

 private:
  struct Grant {
    std::string email;
    std::string client;
    std::string redirect;
    std::string challenge;
    std::string nonce;
    int64_t until = 0;
  };
  http::Response Discovery() const;
  http::Response Authorize(const http::Request& request);
  http::Response Picker(const http::Request& request) const;
  http::Response Token(const http::Request& request);
  http::Response UserInfo(const http::Request& request);
  http::Response EndSession(const http::Request& request) const;
  // Adds a grant under a new random name; the oldest go when there are too many.
  std::string Keep(std::map<std::string, Grant>& grants, Grant grant)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  int64_t Now() const;

  const std::string url_;
  const Signer& signer_;
  const host::Clock& clock_;
  std::vector<std::string> users_;
  absl::Mutex mutex_;
  std::map<std::string, Grant> codes_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, Grant> access_tokens_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace afluente::identity
