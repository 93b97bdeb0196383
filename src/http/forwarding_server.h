#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <variant>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "http/message.h"
#include "http/server.h"

namespace afluente::http {

// Send the request on. `headers` are what is sent besides the body's framing and the connection's
// own; `answer_headers` are added to what comes back.
struct ForwardTo {
  std::string address;   // HOST:PORT
  std::string tls_host;  // whom its certificate must name; empty: without TLS
  std::string target;
  Headers headers;
  Headers answer_headers;
};
// Ask again with the body (at most kOwnBodyBytesMax; beyond it 413).
struct NeedBody {};
using Verdict = std::variant<Response, ForwardTo, NeedBody>;

// Decides about a request from its head. Called on an I/O thread, must not block; the verdict may
// come from any thread, once.
using Decide = std::function<void(Request, absl::AnyInvocable<void(Verdict)>)>;

struct ForwardingOptions {
  uint64_t body_bytes_max = 10 << 20;
  uint32_t header_bytes_max = 16 << 10;
  std::chrono::milliseconds header_timeout{10'000};
  std::chrono::milliseconds idle_timeout{75'000};
  std::chrono::milliseconds connect_timeout{5'000};
  // Until the answer's head; the whole of a request's body must arrive in it too.
  std::chrono::milliseconds answer_timeout{60'000};
  // Between two pieces of an answer, or of a WebSocket.
  std::chrono::milliseconds quiet_timeout{3'600'000};
  // A peer must take what is sent to it in this time.
  std::chrono::milliseconds stall_timeout{30'000};
  int connections_max = 10'000;
  // As ServerOptions'.
  std::shared_ptr<TlsIdentity> tls = nullptr;
  // Instead of connecting to an address (HOST:PORT): a descriptor of a connection for `client`, as
  // one end of a pair that a Server adopts; -1 when there is none. Null: connect.
  std::function<int(const std::string& address, const Peer& client)> dial = nullptr;
};

inline constexpr size_t kOwnBodyBytesMax = 64 << 10;

// An HTTP/1.1 reverse proxy: reads each head strictly, asks what to do with it, and streams bodies
// both ways under framing of its own; a WebSocket passes through once the other side agrees.
// Thread-safe. Pipelined requests are served in order.
class ForwardingServer {
 public:
  static std::unique_ptr<ForwardingServer> Create(IoThreads& threads, ForwardingOptions options,
                                                  Decide decide);
  virtual ~ForwardingServer() = default;
  // As Server's.
  virtual absl::StatusOr<uint16_t> Listen(const std::string& address) = 0;
  virtual void Stop(std::chrono::milliseconds grace) = 0;
};

}  // namespace afluente::http
