#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "http/server.h"

namespace afluente::http {

// True for "localhost", "127.0.0.0/8" and "::1" with or without a port, and for `extra` names
// (without a port). `authority` is a Host header's value.
bool IsLoopbackAuthority(std::string_view authority, const std::vector<std::string>& extra);

// An Origin header's value names a page of those hosts.
bool IsLoopbackOrigin(std::string_view origin, const std::vector<std::string>& extra);

// Wraps the handler of a door that trusts whoever reaches it: 403 unless Host names this machine
// (DNS rebinding) and Origin, where there is one, is a loopback page too (requests that a foreign
// page makes a browser send). `exempt_path` alone is let through, for probes; `extra_origins` too
// ("*": all), and their handler decides what they may read. `refusal` as in ServerOptions.
Handler GuardLoopback(Handler handler, std::vector<std::string> extra_hosts = {},
                      std::string exempt_path = "/health",
                      std::vector<std::string> extra_origins = {}, RefusalForm refusal = nullptr);

}  // namespace afluente::http
