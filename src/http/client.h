#pragma once

#include <chrono>
#include <string>

#include "absl/status/statusor.h"
#include "http/message.h"

namespace afluente::http {

// One blocking HTTP/1.1 request, over TLS for https; for client commands, keys and tests.
// UNAVAILABLE when the server cannot be reached or its certificate is none that this machine trusts
// (as ConnectionPool's), DEADLINE_EXCEEDED past `timeout`, which counts each step.
absl::StatusOr<Response> Fetch(const std::string& method, const std::string& url,
                               const std::string& body = "", const Headers& headers = {},
                               std::chrono::milliseconds timeout = std::chrono::seconds(30));

}  // namespace afluente::http
