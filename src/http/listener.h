#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "http/io_context.h"
#include "http/tls_identity.h"

namespace afluente::http {

// The listening sockets of one address: HOST:PORT with an IP literal or "localhost". Loopback means
// both 127.0.0.1 and, where IPv6 exists, ::1 on the same port. Accepted descriptors are
// non-blocking and have TCP_NODELAY; with TLS they are what a TlsBridge gives. `accepted` runs on
// an I/O thread and owns them.
class Listener {
 public:
  struct Options {
    std::shared_ptr<TlsIdentity> tls = nullptr;  // null: none. Shared by all doors
    size_t first_bytes = 0;                      // that `accepted` is told; with TLS alone
  };
  using Accepted = std::function<void(int fd, Peer peer, std::string first_bytes)>;
  static absl::StatusOr<std::shared_ptr<Listener>> Open(IoThreads::Context& context,
                                                        const std::string& address, Options options,
                                                        Accepted accepted);
  virtual ~Listener() = default;
  virtual uint16_t port() const = 0;
  // From any thread but an I/O thread; `accepted` is not called after it returns.
  virtual void Close() = 0;
};

// Splits "HOST:PORT" and "[IPV6]:PORT". INVALID_ARGUMENT says what is wrong.
struct ListenAddress {
  std::string host;  // an IP literal without brackets, or "localhost"
  uint16_t port = 0;
};
absl::StatusOr<ListenAddress> ParseListenAddress(const std::string& address);

}  // namespace afluente::http
