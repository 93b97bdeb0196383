#include "http/server.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "http/connection.h"
#include "http/listener.h"
#include "http/problem.h"
#include "http/status_line.h"

namespace afluente::http {
namespace {

using boost::system::error_code;
using Shard = ServerShared::Shard;

std::chrono::milliseconds SweepInterval(const ServerOptions& options) {
  const auto shortest = std::min(options.header_timeout, options.idle_timeout);
  return std::clamp(shortest / 8, std::chrono::milliseconds(5), std::chrono::milliseconds(500));
}

// One timer a loop looks at all its deadlines: cheaper than a timer a connection.
void Sweep(const std::shared_ptr<ServerShared>& shared, Shard& shard) {
  shard.sweeping = !shard.connections.empty();
  if (!shard.sweeping || shared->stopping) return;
  shard.sweep.expires_after(SweepInterval(shared->options));
  shard.sweep.async_wait([shared, &shard](const error_code& error) {
    if (error) return;
    const auto now = std::chrono::steady_clock::now();
    for (auto i = shard.connections.begin(); i != shard.connections.end();) {
      const std::shared_ptr<Connection> connection = *i++;
      connection->CheckDeadline(now);
    }
    Sweep(shared, shard);
  });
}

// The answer to a connection too many: best effort, it must not wait.
void RefuseConnection(const ServerOptions& options, int fd) {
  Response problem = Problem(503, ReasonPhrase(503), "too many connections");
  if (options.on_refusal) options.on_refusal(problem);
  std::string bytes;
  AppendHead(bytes, problem, {.keep_alive = false, .date = {}});
  bytes += problem.body;
  (void)send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  // Unread bytes would turn the close into a reset, which overtakes the answer.
  char unread[4096];
  (void)recv(fd, unread, sizeof unread, MSG_DONTWAIT);
  close(fd);
}

class AsioServer final : public Server {
 public:
  AsioServer(IoThreads::Context& context, ServerOptions options, Handler handler)
      : context_(context), shared_(std::make_shared<ServerShared>()) {
    shared_->options = options;
    shared_->handler = std::move(handler);
    for (auto& loop : context.loops) {
      shared_->shards.push_back(std::make_unique<Shard>(loop->io));
    }
  }

  ~AsioServer() override { Stop(std::chrono::milliseconds(0)); }

  absl::StatusOr<uint16_t> Listen(const std::string& address) override {
    auto listener = Listener::Open(context_, address, [this](int fd) { Adopt(fd); });
    if (!listener.ok()) return listener.status();
    const uint16_t port = (*listener)->port();
    listeners_.push_back(*std::move(listener));
    return port;
  }

  void Adopt(int fd) override {
    if (!shared_->Enter()) return RefuseConnection(shared_->options, fd);
    Shard& shard = *shared_->shards[context_.NextLoop()];
    boost::asio::post(shard.io, [shared = shared_, &shard, fd] {
      std::make_shared<Connection>(shared, shard, fd)->Start();
      if (!shard.sweeping) Sweep(shared, shard);
    });
  }

  void Stop(std::chrono::milliseconds grace) override {
    for (auto& listener : listeners_) listener->Close();
    listeners_.clear();
    shared_->stopping = true;
    OnEachConnection([](Connection& connection) { connection.Drain(); });
    {
      absl::MutexLock lock(&shared_->mutex);
      const auto none = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(shared_->mutex) {
        return shared_->connections == 0;
      };
      shared_->mutex.AwaitWithTimeout(absl::Condition(&none), absl::FromChrono(grace));
    }
    OnEachConnection([](Connection& connection) { connection.Close(); });
    for (auto& shard : shared_->shards) {
      RunOn(shard->io, [&shard] { shard->sweep.cancel(); });
    }
  }

 private:
  // Returns when each loop has done it: after that no older task of a connection is running.
  void OnEachConnection(const std::function<void(Connection&)>& act) {
    for (auto& shard : shared_->shards) {
      RunOn(shard->io, [&shard, &act] {
        for (auto i = shard->connections.begin(); i != shard->connections.end();) {
          const std::shared_ptr<Connection> connection = *i++;
          act(*connection);
        }
      });
    }
  }

  IoThreads::Context& context_;
  std::shared_ptr<ServerShared> shared_;
  std::vector<std::shared_ptr<Listener>> listeners_;
};

}  // namespace

std::unique_ptr<Server> Server::Create(IoThreads& threads, ServerOptions options, Handler handler) {
  return std::make_unique<AsioServer>(threads.context(), options, std::move(handler));
}

}  // namespace afluente::http
