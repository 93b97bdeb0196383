#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "http/forwarding_server.h"
#include "identity/signer.h"

namespace afluente::host {
class Clock;
class WorkerPool;
}  // namespace afluente::host

namespace afluente::identity {

class AssertionSigner;
class DeveloperIssuer;
class OpenIdProvider;
class Policy;

struct ProxyOptions {
  std::string upstream;                // HOST:PORT of the API
  std::vector<std::string> hosts;      // names it answers to besides loopback
  std::string upstream_tls_host = "";  // whom the API must prove to be; empty: without TLS
  std::string upstream_host = "";      // sent as Host; empty: the caller's
  // HOST:PORT of the admin door, which /_afluente/console/ leads to; empty: nowhere.
  std::string console = "";
};

// What the proxy needs; all outlive it.
struct ProxyPorts {
  const Policy& policy;
  AssertionSigner& assertions;
  const Signer& assertion_keys;
  OpenIdProvider& provider;
  DeveloperIssuer* developer_issuer;  // nullptr: an outside provider
  host::WorkerPool& workers;          // for what asks the provider
  const host::Clock& clock;
};

// The identity-aware proxy as decisions about requests: who sends it (an ID token or a session),
// may they come in at all, and what is sent on. One line of the audit log a decision. The
// endpoint's own rule is the API's to apply, which knows the route. Sessions live in signed
// cookies, and end with the process. The console is behind it too: what its caller may do there is
// the admin door's to say.
class Proxy {
 public:
  static std::unique_ptr<Proxy> Create(ProxyOptions options, ProxyPorts ports);
  virtual ~Proxy() = default;
  // Does not block. Valid as long as the proxy.
  virtual http::Decide decide() = 0;
};

}  // namespace afluente::identity
