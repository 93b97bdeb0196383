#include "http/listener.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/dispatch.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <cstring>
#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "host/check.h"
#include "http/tls_bridge.h"
#include "telemetry/log.h"

namespace afluente::http {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr int kBacklog = 4096;
// How long accepting rests when the process has run out of descriptors.
constexpr std::chrono::milliseconds kAcceptPause{100};
// A lasting shortage is logged no more often than this.
constexpr std::chrono::seconds kLogPause{30};
// Accepting yields to the loop's other work after so many connections in a row.
constexpr int kAcceptBurst = 64;
// TLS handshakes under way; beyond it connections are closed.
constexpr int kHandshakesMax = 2048;

absl::Status BindError(const tcp::endpoint& endpoint, const error_code& error) {
  const std::string where = absl::StrCat(endpoint.address().to_string(), ":", endpoint.port());
  if (error == asio::error::address_in_use) {
    return absl::FailedPreconditionError(
        absl::StrCat("cannot listen on ", where, ": the port is in use"));
  }
  return absl::UnavailableError(absl::StrCat("cannot listen on ", where, ": ", error.message()));
}

struct Bound {
  std::optional<tcp::acceptor> acceptor;
  error_code error;
};

Bound Bind(asio::io_context& io, const tcp::endpoint& endpoint, bool ipv6_only) {
  Bound bound;
  tcp::acceptor acceptor(io);
  acceptor.open(endpoint.protocol(), bound.error);
  if (!bound.error) acceptor.set_option(tcp::acceptor::reuse_address(true), bound.error);
  if (!bound.error && endpoint.address().is_v6()) {
    acceptor.set_option(asio::ip::v6_only(ipv6_only), bound.error);
  }
  if (!bound.error) acceptor.bind(endpoint, bound.error);
  if (!bound.error) acceptor.listen(kBacklog, bound.error);
  if (!bound.error) acceptor.native_non_blocking(true, bound.error);
  if (!bound.error) bound.acceptor.emplace(std::move(acceptor));
  return bound;
}

bool NoSuchFamily(const error_code& error) {
  return error == asio::error::address_family_not_supported || error.value() == EADDRNOTAVAIL ||
         error.value() == EPROTONOSUPPORT;
}

class AsioListener final : public Listener, public std::enable_shared_from_this<AsioListener> {
 public:
  AsioListener(IoThreads::Context& context, Options options, Accepted accepted)
      : context_(context),
        loop_(*context.loops[context.NextLoop()]),
        options_(std::move(options)),
        accepted_(std::move(accepted)) {}

  absl::Status BindAll(const ListenAddress& address) {
    if (address.host != "localhost" && address.host != "127.0.0.1") {
      return BindOne({asio::ip::make_address(address.host), address.port});
    }
    // The kernel's choice for IPv4 may be taken on IPv6: then choose again.
    for (int attempt = 0;; ++attempt) {
      sockets_.clear();
      AFLUENTE_RETURN_IF_ERROR(BindOne({asio::ip::address_v4::loopback(), address.port}));
      const tcp::endpoint twin(asio::ip::address_v6::loopback(), port());
      Bound bound = Bind(loop_.io, twin, true);
      if (bound.acceptor) sockets_.push_back(std::move(*bound.acceptor));
      if (bound.acceptor || NoSuchFamily(bound.error)) return absl::OkStatus();
      if (address.port != 0 || attempt == 16) return BindError(twin, bound.error);
    }
  }

  void Start() {
    asio::post(loop_.io, [self = shared_from_this()] {
      for (size_t i = 0; i < self->sockets_.size(); ++i) self->Wait(i);
    });
  }

  uint16_t port() const override { return port_; }

  void Close() override {
    RunOn(loop_.io, [this] {
      accepted_ = nullptr;
      error_code ignored;
      for (tcp::acceptor& socket : sockets_) socket.close(ignored);
      pause_.cancel();
    });
  }

 private:
  absl::Status BindOne(const tcp::endpoint& endpoint) {
    Bound bound = Bind(loop_.io, endpoint, false);
    if (!bound.acceptor) return BindError(endpoint, bound.error);
    error_code ignored;
    port_ = bound.acceptor->local_endpoint(ignored).port();
    sockets_.push_back(std::move(*bound.acceptor));
    return absl::OkStatus();
  }

  void Wait(size_t i) {
    sockets_[i].async_wait(tcp::acceptor::wait_read,
                           [self = shared_from_this(), i](const error_code& error) {
                             if (!error) self->AcceptSome(i);
                           });
  }

  void AcceptSome(size_t i) {
    for (int burst = 0; burst < kAcceptBurst; ++burst) {
      if (accepted_ == nullptr) return;
      const int fd =
          accept4(sockets_[i].native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd >= 0) {
        const int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        Give(fd);
      } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
        break;
      } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        return Pause(i, errno);
      }
    }
    Wait(i);
  }

  void Give(int fd) {
    if (options_.tls == nullptr) {
      Peer peer;
      sockaddr_storage address{};
      socklen_t size = sizeof address;
      if (getpeername(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0) {
        tcp::endpoint remote;
        std::memcpy(remote.data(), &address, std::min<size_t>(size, remote.capacity()));
        peer.address = remote.address().to_string();
      }
      return accepted_(fd, std::move(peer), "");
    }
    if (*handshakes_ >= kHandshakesMax) {
      close(fd);
      return;
    }
    ++*handshakes_;
    // Counted until the bridge has called or dropped it.
    std::shared_ptr<void> counted(nullptr, [count = handshakes_](void*) { --*count; });
    // Weak: a bridge lives on another loop, which may be destroyed after this one.
    TlsBridge::Accept(context_.loops[context_.NextLoop()]->io, fd, options_.tls->Current(),
                      options_.first_bytes,
                      [weak = weak_from_this(), counted = std::move(counted)](
                          int plain, Peer peer, std::string first_bytes) {
                        if (plain < 0) return;
                        const auto self = weak.lock();
                        if (self == nullptr) {
                          close(plain);
                          return;
                        }
                        self->GiveBridged(plain, std::move(peer), std::move(first_bytes));
                      });
  }

  // On the bridge's loop.
  void GiveBridged(int plain, Peer peer, std::string first_bytes) {
    asio::post(loop_.io, [self = shared_from_this(), plain, peer = std::move(peer),
                          first_bytes = std::move(first_bytes)] {
      if (self->accepted_ != nullptr) return self->accepted_(plain, peer, first_bytes);
      close(plain);
    });
  }

  // Without a pause the loop would spin on the connection that it cannot take.
  void Pause(size_t i, int cause) {
    const auto now = std::chrono::steady_clock::now();
    if (now >= next_log_) {
      next_log_ = now + kLogPause;
      telemetry::Log(telemetry::Severity::kWarning, "cannot accept connections for now",
                     {{"error", std::strerror(cause)}});
    }
    pause_.expires_after(kAcceptPause);
    pause_.async_wait([self = shared_from_this(), i](const error_code&) {
      if (self->accepted_ != nullptr) self->Wait(i);
    });
  }

  IoThreads::Context& context_;
  IoThreads::Context::Loop& loop_;
  const Options options_;
  Accepted accepted_;
  // Shared with the bridges that are not through.
  const std::shared_ptr<std::atomic<int>> handshakes_ = std::make_shared<std::atomic<int>>(0);
  std::vector<tcp::acceptor> sockets_;
  asio::steady_timer pause_{loop_.io};
  std::chrono::steady_clock::time_point next_log_;
  uint16_t port_ = 0;
};

}  // namespace

absl::StatusOr<ListenAddress> ParseListenAddress(const std::string& address) {
  const auto wrong = [&address](const char* what) {
    return absl::InvalidArgumentError(
        absl::StrCat("listen address '", address, "': ", what, " (HOST:PORT is expected)"));
  };
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos) return wrong("no port");
  ListenAddress parsed;
  parsed.host = address.substr(0, colon);
  const std::string port = address.substr(colon + 1);
  uint32_t number = 0;
  if (port.empty() || port.find_first_not_of("0123456789") != std::string::npos ||
      !absl::SimpleAtoi(port, &number) || number > 65535) {
    return wrong("the port is not a number from 0 to 65535");
  }
  parsed.port = static_cast<uint16_t>(number);
  const bool bracketed =
      parsed.host.size() > 2 && parsed.host.front() == '[' && parsed.host.back() == ']';
  if (bracketed) parsed.host = parsed.host.substr(1, parsed.host.size() - 2);
  if (parsed.host == "localhost") return parsed;
  in6_addr binary;
  const int family = bracketed ? AF_INET6 : AF_INET;
  if (inet_pton(family, parsed.host.c_str(), &binary) != 1) {
    return wrong("the host is neither an IP address ([...] for IPv6) nor localhost");
  }
  return parsed;
}

absl::StatusOr<std::shared_ptr<Listener>> Listener::Open(IoThreads::Context& context,
                                                         const std::string& address,
                                                         Options options, Accepted accepted) {
  AFLUENTE_ASSIGN_OR_RETURN(const ListenAddress parsed, ParseListenAddress(address));
  auto listener = std::make_shared<AsioListener>(context, std::move(options), std::move(accepted));
  AFLUENTE_RETURN_IF_ERROR(listener->BindAll(parsed));
  listener->Start();
  return std::shared_ptr<Listener>(std::move(listener));
}

}  // namespace afluente::http
