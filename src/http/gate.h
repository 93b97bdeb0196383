#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "http/role.h"
#include "http/server.h"

namespace afluente::http {

// Where the proxy's assertion is.
inline constexpr char kAssertionHeader[] = "x-goog-iap-jwt-assertion";

// What someone wants at a door that asks who comes.
struct Knock {
  std::string authorization;  // the field's value, "Bearer ..."; empty: there is none, or several
  Role role = Role::kAdmin;
  std::vector<std::string> datasets = {};  // that are read
};

// Port: says who may do what at a door that left loopback. Thread-safe. A door holds a pointer to
// one, null while it is on loopback.
class Gate {
 public:
  virtual ~Gate() = default;
  // Who it is (an email in lower case).
  using Decided = absl::AnyInvocable<void(absl::StatusOr<std::string>)>;
  // Calls `decided` once: before it returns, mostly, or from a worker when keys must be fetched
  // first. UNAUTHENTICATED, PERMISSION_DENIED or UNAVAILABLE with words that the caller may see;
  // the reasons are in the log.
  virtual void Check(Knock knock, Decided decided) = 0;
  // The same for who only asks what they may: a refusal is the answer, and nothing for the log.
  virtual void Ask(Knock knock, Decided decided) = 0;
};

// The role that a request needs; nullopt: none, as for probes.
using RoleOf = std::function<std::optional<Role>(const Request&)>;

// Lets through to `inner` what `gate`, which outlives the handler, admits. A request without
// Authorization may carry the proxy's assertion (x-goog-iap-jwt-assertion) in its place. `refusal`
// as in ServerOptions: 401, 403 or 503.
Handler GuardByGate(Gate& gate, Handler inner, RoleOf role_of, RefusalForm refusal = nullptr);

// Blocks until the gate has decided.
absl::Status CheckAndWait(Gate& gate, Knock knock);

// What a request says of who sends it, for a Knock.
std::string AuthorizationOf(const Headers& headers);
bool HasAssertion(const Headers& headers);

// Exactly one field of that name, else "".
std::string OnlyField(const Headers& headers, std::string_view name);

}  // namespace afluente::http
