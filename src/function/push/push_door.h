#pragma once

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "http/server.h"

namespace afluente::host {
class WorkerPool;
}

namespace afluente::function::push {

class PushFunction;

// OK when the bearer token of a push is one that may be believed; may block. UNAUTHENTICATED with
// the reason, for the log, or UNAVAILABLE.
using CheckToken = std::function<absl::Status(const std::string& token)>;

// Serves pushes: POST of any path but `/health`. 204 acknowledges; 400 for what is no push, 401
// without a good token, 429 and 503 ask Pub/Sub to come again. `check` is null where nobody is
// asked (on loopback alone). All outlive the handler.
http::Handler PushDoor(PushFunction& function, CheckToken check, host::WorkerPool& workers);

}  // namespace afluente::function::push
