#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "host/clock.h"

namespace afluente::source::mqtt {

// What a client presents.
struct Credentials {
  std::string client_id;
  std::optional<std::string> user_name;
  std::optional<std::string> password;
  std::string certificate_name;  // the common name of its verified certificate; empty = none
};

// What it may do.
struct Admission {
  std::vector<std::string> topics;        // filters that it may publish to; empty = all
  std::optional<host::WallTime> expires;  // then its connection ends
};

// Says whether a client may connect. Calls the callback once, from any thread: with
// UNAUTHENTICATED (who is it), PERMISSION_DENIED or RESOURCE_EXHAUSTED (too many ask at once).
using Admit = std::function<void(Credentials, absl::AnyInvocable<void(absl::StatusOr<Admission>)>)>;

}  // namespace afluente::source::mqtt
