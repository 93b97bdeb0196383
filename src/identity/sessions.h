#pragma once

#include <map>
#include <optional>
#include <string>

#include "absl/synchronization/mutex.h"
#include "http/message.h"
#include "identity/assertion_signer.h"
#include "identity/sealed.h"

namespace afluente::identity {

// Cookies of ours begin so; none of them goes on to the API.
inline constexpr char kCookiePrefix[] = "afluente_";
inline constexpr char kHostCookiePrefix[] = "__Host-afluente_";

struct Session {
  ProvenUser user;
  std::string id;
  int64_t begun = 0;   // microseconds, as signing out and in again may follow at once
  int64_t sealed = 0;  // seconds
};

// Sessions of browsers, kept in a signed cookie: eight hours from signing in, under a new id every
// fifteen minutes, and over at once when the user signs out. Thread-safe. `secure` chooses a
// __Host- cookie, which needs https.
class Sessions {
 public:
  explicit Sessions(const host::Clock& clock) : clock_(clock), sealer_(clock) {}

  // Each gives the value of a Set-Cookie field.
  std::string Begin(const ProvenUser& user, bool secure);
  std::optional<std::string> RenewIfDue(const Session& session, bool secure);
  static std::string Clear(std::string_view name, bool secure);

  std::optional<Session> Find(const http::Headers& headers, bool secure);
  void End(const Session& session);

  // For the sign-in under way; `name` is a cookie's.
  std::string SetSealed(std::string_view name, nlohmann::json content, std::chrono::seconds life,
                        bool secure) const;
  std::optional<nlohmann::json> FindSealed(std::string_view name, const http::Headers& headers,
                                           bool secure) const;

 private:
  std::string Make(const Session& session, bool secure);
  int64_t Now() const;
  int64_t NowMicros() const;

  const host::Clock& clock_;
  const Sealer sealer_;
  absl::Mutex mutex_;
  std::map<std::string, int64_t> ended_ ABSL_GUARDED_BY(mutex_);  // email -> when it signed out
};

}  // namespace afluente::identity
