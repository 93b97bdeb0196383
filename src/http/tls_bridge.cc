#include "http/tls_bridge.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <utility>

#include "telemetry/log.h"

namespace afluente::http {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);
constexpr std::chrono::seconds kHandshakeTimeout{10};
// A peer must take a piece in this time; whoever serves it has a shorter one, mostly.
constexpr std::chrono::seconds kStallTimeout{90};
// After our farewell, for the peer's.
constexpr std::chrono::seconds kFarewellTimeout{2};
constexpr size_t kPieceBytes = 16 << 10;

// What one step moves; nothing is kept in it while waiting.
std::array<char, kPieceBytes>& Scratch() {
  thread_local std::array<char, kPieceBytes> scratch;
  return scratch;
}

bool IsAgain() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

}  // namespace

TlsBridge::TlsBridge(asio::io_context& io, int fd, SSL_CTX* context)
    : socket_(io),
      plain_(io),
      timer_(io),
      ssl_(SSL_new(context)),
      peer_{.address = {}, .tls_cut = std::make_shared<std::atomic<bool>>(false)} {
  error_code error;
  socket_.assign(tcp::v4(), fd, error);
  if (error) ::close(fd);
  open_ = !error && ssl_ != nullptr && SSL_set_fd(ssl_.get(), fd) == 1;
  const auto remote = socket_.remote_endpoint(error);
  if (!error) peer_.address = remote.address().to_string();
}

void TlsBridge::Accept(asio::io_context& io, int fd, std::shared_ptr<TlsIdentity::Context> context,
                       size_t first_bytes, Opened opened) {
  std::shared_ptr<TlsBridge> bridge(new TlsBridge(io, fd, context->ssl));
  if (!bridge->open_) return opened(-1, {}, "");
  bridge->context_ = std::move(context);
  SSL_set_accept_state(bridge->ssl_.get());
  asio::co_spawn(
      io,
      [bridge, first_bytes, opened = std::move(opened)]() mutable {
        return bridge->Run(first_bytes, std::move(opened));
      },
      asio::detached);
}

void TlsBridge::Connect(asio::io_context& io, int fd, const std::string& host, Opened opened) {
  std::shared_ptr<TlsBridge> bridge(new TlsBridge(io, fd, ClientTls().ssl));
  if (!bridge->open_) return opened(-1, {}, "");
  SSL* const ssl = bridge->ssl_.get();
  error_code no_address;
  (void)asio::ip::make_address(host, no_address);
  if (no_address) {
    SSL_set_tlsext_host_name(ssl, host.c_str());
    SSL_set1_host(ssl, host.c_str());
  } else {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str());
  }
  SSL_set_connect_state(ssl);
  asio::co_spawn(
      io,
      [bridge, opened = std::move(opened)]() mutable { return bridge->Run(0, std::move(opened)); },
      asio::detached);
}

void TlsBridge::Close() {
  open_ = false;
  error_code ignored;
  socket_.close(ignored);
  plain_.close(ignored);
  timer_.cancel();
}

void TlsBridge::Watch(std::chrono::milliseconds longest) {
  timer_.expires_after(longest);
  timer_.async_wait([weak = weak_from_this()](const error_code& error) {
    const auto self = weak.lock();
    if (!error && self != nullptr) self->Close();
  });
}

template <typename Step>
asio::awaitable<int> TlsBridge::Through(Step step) {
  // After Close the descriptor's number may be another connection's.
  while (open_) {
    ERR_clear_error();
    const int done = step(ssl_.get());
    if (done > 0) co_return done;
    const int why = SSL_get_error(ssl_.get(), done);
    if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) co_return 0;
    const auto wait = why == SSL_ERROR_WANT_READ ? tcp::socket::wait_read : tcp::socket::wait_write;
    const auto [error] = co_await socket_.async_wait(wait, kTuple);
    if (error) co_return 0;
  }
  co_return 0;
}

asio::awaitable<void> TlsBridge::Run(size_t first_bytes, Opened opened) {
  Watch(kHandshakeTimeout);
  const bool ready = co_await Open(first_bytes, opened);
  if (!ready) opened(-1, peer_, "");
  opened = nullptr;
  if (ready) {
    using namespace asio::experimental::awaitable_operators;  // NOLINT
    co_await (Inward() && Outward());
  }
  Close();
}

asio::awaitable<bool> TlsBridge::Open(size_t first_bytes, Opened& opened) {
  const int shaken = co_await Through(SSL_do_handshake);
  if (shaken <= 0) {
    telemetry::Log(telemetry::Severity::kDebug, "no TLS with a peer",
                   {{"remote", peer_.address}, {"error", TlsError()}});
    co_return false;
  }
  std::string first;
  while (first.size() < first_bytes) {
    const int size = co_await Through([&first](SSL* ssl) {
      const int read = SSL_read(ssl, Scratch().data(), static_cast<int>(Scratch().size()));
      if (read > 0) first.append(Scratch().data(), static_cast<size_t>(read));
      return read;
    });
    if (size <= 0) co_return false;
  }
  Unwatch();
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0)
    co_return false;
  error_code error;
  plain_.assign(asio::local::stream_protocol(), pair[0], error);
  if (error) ::close(pair[0]);
  // Before it is given away, so that it can be peeked at.
  bool written = !error;
  if (written) written = co_await WritePlain(first);
  if (!written) {
    ::close(pair[1]);
    co_return false;
  }
  first.resize(first_bytes);
  opened(pair[1], peer_, std::move(first));
  co_return true;
}

asio::awaitable<bool> TlsBridge::WritePlain(std::string_view bytes) {
  // Mostly it fits at once; only what does not is kept.
  while (open_ && !bytes.empty()) {
    const ssize_t n = send(plain_.native_handle(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n < 0 && !IsAgain()) co_return false;
    if (n < 0) break;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  if (bytes.empty()) co_return open_;
  const std::string rest(bytes);
  const auto [error, size] = co_await asio::async_write(plain_, asio::buffer(rest), kTuple);
  co_return !error && open_;
}

asio::awaitable<void> TlsBridge::Inward() {
  bool served = true;
  while (open_) {
    std::string_view bytes;
    const int size = co_await Through([&bytes](SSL* ssl) {
      const int read = SSL_read(ssl, Scratch().data(), static_cast<int>(Scratch().size()));
      if (read > 0) bytes = {Scratch().data(), static_cast<size_t>(read)};
      return read;
    });
    if (size <= 0) break;
    // What nobody reads any more is dropped, so that the peer gets to read its answer.
    if (served) served = co_await WritePlain(bytes);
  }
  error_code ignored;
  plain_.shutdown(asio::local::stream_protocol::socket::shutdown_send, ignored);
}

asio::awaitable<bool> TlsBridge::WriteTls(std::string bytes) {
  Watch(kStallTimeout);
  std::string_view rest = bytes;
  while (!rest.empty()) {
    const int size = co_await Through(
        [rest](SSL* ssl) { return SSL_write(ssl, rest.data(), static_cast<int>(rest.size())); });
    if (size <= 0) co_return false;
    rest.remove_prefix(static_cast<size_t>(size));
  }
  Unwatch();
  co_return true;
}

asio::awaitable<void> TlsBridge::Outward() {
  while (open_) {
    const ssize_t n = recv(plain_.native_handle(), Scratch().data(), Scratch().size(), 0);
    if (n < 0 && IsAgain()) {
      const auto [error] =
          co_await plain_.async_wait(asio::local::stream_protocol::socket::wait_read, kTuple);
      if (error) break;
      continue;
    }
    if (n <= 0) break;
    const bool sent = co_await WriteTls(std::string(Scratch().data(), static_cast<size_t>(n)));
    if (!sent) co_return Close();
  }
  if (!open_) co_return;
  if (*peer_.tls_cut) co_return Close();
  // Closing at once could reset the connection, and the peer would lose the answer.
  Watch(kFarewellTimeout);
  co_await Through([](SSL* ssl) {
    const int sent = SSL_shutdown(ssl);
    return sent == 0 ? 1 : sent;  // 0: ours is out; the peer's is not waited for
  });
  error_code ignored;
  socket_.shutdown(tcp::socket::shutdown_send, ignored);
}

}  // namespace afluente::http
