// How a session of the proxy reaches its upstream.

#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <cstdlib>
#include <utility>

#include "http/forward_session.h"
#include "http/tls_bridge.h"

namespace afluente::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using asio::ip::tcp;
using beast::error_code;

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

// Nothing waits in it and its peer has not closed it.
bool IsQuiet(beast::tcp_stream& stream) {
  char byte;
  const ssize_t n = recv(stream.socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

// A descriptor that speaks plainly with a TLS server; -1 when it is not `host`.
asio::awaitable<int> OverTls(asio::io_context& io, int fd, std::string host) {
  co_return co_await asio::async_initiate<const asio::use_awaitable_t<>, void(int)>(
      [&io](auto handler, int connected, const std::string& name) {
        auto shared = std::make_shared<decltype(handler)>(std::move(handler));
        TlsBridge::Connect(io, connected, name, [shared, &io](int plain, Peer, const std::string&) {
          asio::post(io, [shared, plain] { std::move (*shared)(plain); });
        });
      },
      asio::use_awaitable, fd, std::move(host));
}

std::unique_ptr<beast::tcp_stream> StreamOf(asio::io_context& io, int fd) {
  if (fd < 0) return nullptr;
  auto stream = std::make_unique<beast::tcp_stream>(io);
  error_code error;
  // The protocol only matters for opening; the descriptor is open already.
  stream->socket().assign(tcp::v4(), fd, error);
  if (!error) return stream;
  close(fd);
  return nullptr;
}

}  // namespace

asio::awaitable<std::vector<tcp::endpoint>> ForwardSession::Resolve(const std::string& address) {
  const size_t colon = address.rfind(':');
  std::string host = address.substr(0, colon);
  const std::string port = address.substr(colon + 1);
  if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
  if (host == "localhost") host = "127.0.0.1";
  error_code no_address;
  const auto ip = asio::ip::make_address(host, no_address);
  std::vector<tcp::endpoint> found;
  if (!no_address) {
    found.emplace_back(ip, static_cast<uint16_t>(std::atoi(port.c_str())));
    co_return found;
  }
  tcp::resolver resolver(shard_.io);
  const auto [error, results] = co_await resolver.async_resolve(host, port, kTuple);
  for (const auto& each : results) found.push_back(each.endpoint());
  co_return found;
}

asio::awaitable<std::unique_ptr<beast::tcp_stream>> ForwardSession::Connect(const ForwardTo& to,
                                                                            bool fresh) {
  auto& idle = shard_.idle;
  for (size_t i = idle.size(); !fresh && i > 0; --i) {
    if (idle[i - 1].address != to.address || idle[i - 1].tls_host != to.tls_host) continue;
    auto stream = std::move(idle[i - 1].stream);
    idle.erase(idle.begin() + static_cast<ptrdiff_t>(i - 1));
    if (IsQuiet(*stream)) co_return stream;
  }
  if (shared_->options.dial)
    co_return StreamOf(shard_.io, shared_->options.dial(to.address, peer_));
  const auto endpoints = co_await Resolve(to.address);
  auto stream = std::make_unique<Stream>(shard_.io);
  for (const tcp::endpoint& endpoint : endpoints) {
    stream->expires_after(shared_->options.connect_timeout);
    const auto [failed] = co_await stream->async_connect(endpoint, kTuple);
    if (failed) continue;
    error_code ignored;
    stream->socket().set_option(tcp::no_delay(true), ignored);
    if (to.tls_host.empty()) co_return stream;
    stream->socket().native_non_blocking(true, ignored);
    const int fd = stream->release_socket().release(ignored);
    const int plain = co_await OverTls(shard_.io, fd, to.tls_host);
    co_return StreamOf(shard_.io, plain);
  }
  co_return nullptr;
}

}  // namespace afluente::http
