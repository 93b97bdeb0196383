#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "http/message.h"
#include "http/server.h"

namespace afluente::http {

struct OutgoingRequest {
  std::string method = "POST";
  std::string url;  // http:// or https://
  Headers headers;
  std::string body;
};

struct PoolOptions {
  size_t connections_max = 1'000;  // open at once, to all servers; beyond it requests wait
  size_t waiting_max = 10'000;     // requests that wait; beyond it RESOURCE_EXHAUSTED
  std::chrono::milliseconds idle_timeout{30'000};
  uint64_t answer_bytes_max = 1 << 20;  // of a body; what is beyond is not read
};

// Sends requests to other servers over HTTP/1.1, with or without TLS, and keeps connections for the
// next request. A server's certificate must be one that this machine trusts (OpenSSL's default
// places; SSL_CERT_FILE changes them). Thread-safe.
class ConnectionPool {
 public:
  static std::unique_ptr<ConnectionPool> Create(IoThreads& threads, const PoolOptions& options);
  // Answers what is under way with CANCELLED.
  virtual ~ConnectionPool() = default;

  using Answered = absl::AnyInvocable<void(absl::StatusOr<Response>)>;
  // Calls `done` once, on an I/O thread (it must not block): with the answer, whatever its status
  // (a redirect is not followed; 102 counts as an answer); INVALID_ARGUMENT for a bad URL,
  // UNAVAILABLE when the server cannot be reached or is not trusted, DEADLINE_EXCEEDED past
  // `timeout`. A kept connection that turns out to be closed is replaced once.
  virtual void Send(OutgoingRequest request, std::chrono::milliseconds timeout, Answered done) = 0;
};

}  // namespace afluente::http
