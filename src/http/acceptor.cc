#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/dispatch.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <list>
#include <utility>

#include "http/listener.h"

namespace afluente::http {
namespace {

using boost::asio::ip::tcp;
using boost::system::error_code;

constexpr int kPeekBytes = 4;
// Connections that have not sent their first bytes yet.
constexpr size_t kSilentMax = 4096;
constexpr std::chrono::seconds kFirstBytesTimeout{10};

void SetLowWater(int fd, int bytes) {
  setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof bytes);
}

// A connection whose first bytes are awaited.
struct Silent {
  Silent(boost::asio::io_context& io, int fd, Peer from)
      : socket(io), timer(io), peer(std::move(from)) {
    error_code ignored;
    socket.assign(tcp::v4(), fd, ignored);
  }
  tcp::socket socket;
  boost::asio::steady_timer timer;
  Peer peer;
};

// Waits on one loop's thread: the peeks are few and short.
class PeekingAcceptor final : public Acceptor {
 public:
  struct Shared {
    Shared(boost::asio::io_context& loop, Accepted callback)
        : io(loop), accepted(std::move(callback)) {}
    boost::asio::io_context& io;
    Accepted accepted;
    std::list<std::shared_ptr<Silent>> silent;
  };

  PeekingAcceptor(std::shared_ptr<Shared> shared, std::shared_ptr<Listener> listener)
      : shared_(std::move(shared)), listener_(std::move(listener)) {}
  ~PeekingAcceptor() override { Stop(); }

  uint16_t port() const override { return port_; }

  void Stop() override {
    if (listener_ == nullptr) return;
    listener_->Close();
    listener_ = nullptr;
    RunOn(shared_->io, [this] {
      shared_->accepted = nullptr;
      for (const auto& silent : shared_->silent) {
        error_code ignored;
        silent->socket.close(ignored);
        silent->timer.cancel();
      }
      shared_->silent.clear();
    });
  }

  // On the loop's thread.
  static void Await(const std::shared_ptr<Shared>& shared, int fd, Peer peer,
                    const std::string& first_bytes) {
    if (shared->accepted == nullptr || shared->silent.size() >= kSilentMax) {
      close(fd);
      return;
    }
    if (!first_bytes.empty()) return shared->accepted(fd, first_bytes, std::move(peer));
    // With the low-water mark a readable socket has all four bytes, or its end.
    SetLowWater(fd, kPeekBytes);
    const auto silent = std::make_shared<Silent>(shared->io, fd, std::move(peer));
    const auto place = shared->silent.insert(shared->silent.end(), silent);
    silent->timer.expires_after(kFirstBytesTimeout);
    silent->timer.async_wait([silent](const error_code& error) {
      error_code ignored;
      if (!error) silent->socket.close(ignored);
    });
    silent->socket.async_wait(tcp::socket::wait_read,
                              [shared, silent, place](const error_code& error) {
                                if (shared->accepted == nullptr) return;
                                shared->silent.erase(place);
                                silent->timer.cancel();
                                if (!error) HandOver(*shared, *silent);
                              });
  }

 private:
  static void HandOver(const Shared& shared, Silent& silent) {
    char bytes[kPeekBytes];
    const ssize_t n =
        recv(silent.socket.native_handle(), bytes, sizeof bytes, MSG_PEEK | MSG_DONTWAIT);
    if (n < kPeekBytes) return;  // it ended before saying what it is
    error_code failed;
    const int fd = silent.socket.release(failed);
    if (failed) return;
    SetLowWater(fd, 1);
    shared.accepted(fd, std::string(bytes, sizeof bytes), std::move(silent.peer));
  }

  std::shared_ptr<Shared> shared_;
  std::shared_ptr<Listener> listener_;
  const uint16_t port_ = listener_->port();
};

}  // namespace

absl::StatusOr<std::unique_ptr<Acceptor>> Acceptor::Listen(IoThreads& threads,
                                                           const std::string& address,
                                                           Accepted accepted,
                                                           std::shared_ptr<TlsIdentity> tls) {
  auto& context = threads.context();
  auto& io = context.loops[context.NextLoop()]->io;
  const auto shared = std::make_shared<PeekingAcceptor::Shared>(io, std::move(accepted));
  auto listener = Listener::Open(
      context, address, {.tls = std::move(tls), .first_bytes = kPeekBytes},
      [shared](int fd, Peer peer, std::string first_bytes) {
        boost::asio::dispatch(
            shared->io, [shared, fd, peer = std::move(peer), first_bytes = std::move(first_bytes)] {
              PeekingAcceptor::Await(shared, fd, peer, first_bytes);
            });
      });
  if (!listener.ok()) return listener.status();
  return std::make_unique<PeekingAcceptor>(shared, *std::move(listener));
}

}  // namespace afluente::http
