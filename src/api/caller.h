#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "http/message.h"

namespace afluente::api {

// Who asks, as far as it is proven. Without identity only the address is known.
struct Caller {
  std::string email{};
  std::vector<std::string> groups{};
  std::string address{};
  int64_t until = 0;  // seconds since the epoch: what proves it holds as long; 0: for ever

  // Whom limits are counted for.
  std::string key() const { return email.empty() ? "address " + address : "email " + email; }
};

// The caller of a request that the API's guard let through and that was routed to `endpoint_path`
// (as the specification writes it), on an I/O thread. UNAUTHENTICATED or PERMISSION_DENIED with
// words that the caller may see.
using Identify =
    std::function<absl::StatusOr<Caller>(const http::Request&, const std::string& endpoint_path)>;

// Whether that caller may use another endpoint; nothing is logged.
using MayUse = std::function<bool(const http::Request&, const std::string& endpoint_path)>;

}  // namespace afluente::api
