#pragma once

// Private to this folder.
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <string>
#include <string_view>

#include "absl/functional/any_invocable.h"
#include "http/server.h"
#include "http/tls_context.h"

namespace afluente::http {

// Ends the TLS of one connection: what comes decrypted goes into one end of a socket pair, whose
// other end is given away as if the peer had connected there, and the other way round. So whatever
// serves a descriptor serves TLS too. A coroutine pair on one loop's thread; idle it holds no
// buffer; it ends when either side does.
class TlsBridge : public std::enable_shared_from_this<TlsBridge> {
 public:
  // `plain` is owned by whom it is given to, -1 when there was no TLS; `first_bytes` are in it,
  // still unread.
  using Opened = absl::AnyInvocable<void(int plain, Peer peer, std::string first_bytes)>;

  // Any thread. Owns `fd`, which is non-blocking. `opened` is called once, mostly on the loop's
  // thread: after the handshake, when `first_bytes` bytes are there, or when that takes too long.
  static void Accept(boost::asio::io_context& io, int fd,
                     std::shared_ptr<TlsIdentity::Context> context, size_t first_bytes,
                     Opened opened);
  // The same as the client of a server that must prove to be `host`.
  static void Connect(boost::asio::io_context& io, int fd, const std::string& host, Opened opened);

 private:
  template <typename T>
  using Awaitable = boost::asio::awaitable<T>;
  struct FreeSsl {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
  };

  TlsBridge(boost::asio::io_context& io, int fd, SSL_CTX* context);
  Awaitable<void> Run(size_t first_bytes, Opened opened);
  // Shakes hands; false when there is no connection.
  Awaitable<bool> Open(size_t first_bytes, Opened& opened);
  Awaitable<void> Inward();   // from the peer
  Awaitable<void> Outward();  // to the peer
  // OpenSSL's `step` until it is through; what it returned, 0 when the connection is over.
  template <typename Step>
  Awaitable<int> Through(Step step);
  Awaitable<bool> WritePlain(std::string_view bytes);
  Awaitable<bool> WriteTls(std::string bytes);
  // Closes all unless Unwatch comes before.
  void Watch(std::chrono::milliseconds longest);
  void Unwatch() { timer_.cancel(); }
  void Close();

  std::shared_ptr<TlsIdentity::Context> context_;  // of the server's side; shared with the identity
  boost::asio::ip::tcp::socket socket_;
  boost::asio::local::stream_protocol::socket plain_;
  boost::asio::steady_timer timer_;
  std::unique_ptr<SSL, FreeSsl> ssl_;
  Peer peer_;
  bool open_ = true;
};

}  // namespace afluente::http
