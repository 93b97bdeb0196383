#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace afluente::http {

// The parts of an http:// or https:// URL that a request needs.
struct Url {
  bool tls = false;
  std::string host;       // without brackets
  std::string port;       // "80" or "443" where the URL has none
  std::string authority;  // as written: the Host header's value
  std::string target;     // path and query, at least "/"
};

// INVALID_ARGUMENT when it is no such URL, or has white space or user information.
absl::StatusOr<Url> ParseUrl(const std::string& url);

}  // namespace afluente::http
