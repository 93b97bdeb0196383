#pragma once

#include <string>

namespace afluente::roles {

struct ProxyRoleOptions {
  std::string spec_file = "afluente.yaml";
  std::string data_dir = ".afluente";  // keeps the keys
  std::string listen;                  // HOST:PORT; empty: PORT's, or 127.0.0.1:8080
  std::string upstream;                // http:// or https:// URL without a path
};

// Runs the identity-aware proxy alone, before any API, until SIGTERM or SIGINT: `access:` of the
// specification says who may come in. What it signs is for `access.assertion`'s issuer and audience
// where they are named. Exit codes as RunUp's.
int RunProxy(const ProxyRoleOptions& options);

}  // namespace afluente::roles
