#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "http/message.h"

namespace afluente::http {

class TlsIdentity;

// The threads that run all network I/O of the process. Made first, destroyed last.
class IoThreads {
 public:
  explicit IoThreads(int threads);
  ~IoThreads();
  void Stop();
  struct Context;
  Context& context() { return *context_; }

 private:
  std::unique_ptr<Context> context_;
};

// Who is at the other end of a connection that was accepted.
struct Peer {
  std::string address;  // its IP
  // Null without TLS. Set before a close that must not look like the proper end. Shared with what
  // ends the TLS.
  std::shared_ptr<std::atomic<bool>> tls_cut = nullptr;

  bool tls() const { return tls_cut != nullptr; }
};

// Answers one request, once, from any thread. Dropping it unanswered sends 500.
using Responder = absl::AnyInvocable<void(Response)>;
// Runs on an I/O thread: must not block. Blocking work goes to a WorkerPool and answers from there.
using Handler = std::function<void(Request, Responder)>;

// The form of the server's own refusals: an answer of this status that says why.
using RefusalForm = Response (*)(int status, std::string_view detail);

struct ServerOptions {
  uint64_t body_bytes_max = 10 << 20;
  uint32_t header_bytes_max = 16 << 10;
  std::chrono::milliseconds header_timeout{10'000};
  std::chrono::milliseconds idle_timeout{75'000};
  int connections_max = 10'000;
  // Bodies being received or handled, all connections together; beyond it 503.
  uint64_t bodies_bytes_max = 256 << 20;
  RefusalForm refusal = nullptr;  // null = application/problem+json
  // Listen speaks TLS and proves itself with this; null = plain. Shared by all doors.
  std::shared_ptr<TlsIdentity> tls = nullptr;
  // Completes the refusals that the server gives itself; any thread.
  std::function<void(Response&)> on_refusal = nullptr;
};

// An HTTP/1.1 server: keep-alive, pipelining answered in order, limits with named refusals (400,
// 408, 413, 414, 431, 503). Thread-safe.
class Server {
 public:
  static std::unique_ptr<Server> Create(IoThreads& threads, ServerOptions options, Handler handler);
  virtual ~Server() = default;

  // Listens on HOST:PORT (port 0: the kernel chooses). "127.0.0.1" also listens on ::1 with the
  // same port where IPv6 exists. Returns the port.
  virtual absl::StatusOr<uint16_t> Listen(const std::string& address) = 0;
  // Serves a connection that was accepted elsewhere. Owns `fd` from here on.
  virtual void Adopt(int fd, Peer peer) = 0;
  // Stops accepting, finishes requests in flight, closes idle connections; returns when done or
  // after `grace`.
  virtual void Stop(std::chrono::milliseconds grace) = 0;
};

// Accepts connections on HOST:PORT and hands each over; the door shared by gRPC and REST builds on
// it.
class Acceptor {
 public:
  // `first_bytes` holds 4 bytes that are still unread in `fd`, a TCP socket or, with TLS, one end
  // of a pair of local ones through which the decrypted bytes go.
  using Accepted = std::function<void(int fd, std::string first_bytes, Peer peer)>;
  // With `tls` each connection must begin with a handshake; a client that offers protocols (ALPN)
  // gets the first of http/1.1, h2, mqtt.
  static absl::StatusOr<std::unique_ptr<Acceptor>> Listen(
      IoThreads& threads, const std::string& address, Accepted accepted,
      std::shared_ptr<TlsIdentity> tls = nullptr);
  virtual ~Acceptor() = default;
  virtual uint16_t port() const = 0;
  virtual void Stop() = 0;
};

}  // namespace afluente::http
