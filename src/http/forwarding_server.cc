#include "http/forwarding_server.h"

#include <unistd.h>

#include <boost/asio/post.hpp>
#include <thread>
#include <utility>

#include "http/forward_session.h"
#include "http/listener.h"

namespace afluente::http {
namespace {

class AsioForwardingServer final : public ForwardingServer {
 public:
  AsioForwardingServer(IoThreads::Context& context, ForwardingOptions options, Decide decide)
      : context_(context), shared_(std::make_shared<ForwardShared>()) {
    shared_->options = options;
    shared_->decide = std::move(decide);
    for (auto& loop : context.loops) {
      shared_->shards.push_back(std::make_unique<ForwardShard>(loop->io));
    }
  }

  ~AsioForwardingServer() override { Stop(std::chrono::milliseconds(0)); }

  absl::StatusOr<uint16_t> Listen(const std::string& address) override {
    auto listener = Listener::Open(context_, address, [this](int fd) { Adopt(fd); });
    if (!listener.ok()) return listener.status();
    const uint16_t port = (*listener)->port();
    listeners_.push_back(*std::move(listener));
    return port;
  }

  void Stop(std::chrono::milliseconds grace) override {
    for (auto& listener : listeners_) listener->Close();
    listeners_.clear();
    shared_->stopping = true;
    OnEachSession([](ForwardSession& session) { session.Drain(); });
    const auto end = std::chrono::steady_clock::now() + grace;
    while (shared_->connections > 0 && std::chrono::steady_clock::now() < end) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    OnEachSession([](ForwardSession& session) { session.Close(); });
    for (auto& shard : shared_->shards) {
      RunOn(shard->io, [&shard] { shard->idle.clear(); });
    }
  }

 private:
  void Adopt(int fd) {
    if (shared_->stopping || shared_->connections >= shared_->options.connections_max) {
      close(fd);
      return;
    }
    ++shared_->connections;
    ForwardShard& shard = *shared_->shards[context_.NextLoop()];
    boost::asio::post(shard.io, [shared = shared_, &shard, fd] {
      std::make_shared<ForwardSession>(shared, shard, fd)->Start();
    });
  }

  void OnEachSession(const std::function<void(ForwardSession&)>& act) {
    for (auto& shard : shared_->shards) {
      RunOn(shard->io, [&shard, &act] {
        for (auto i = shard->sessions.begin(); i != shard->sessions.end();) {
          const std::shared_ptr<ForwardSession> session = *i++;
          act(*session);
        }
      });
    }
  }

  IoThreads::Context& context_;
  std::shared_ptr<ForwardShared> shared_;
  std::vector<std::shared_ptr<Listener>> listeners_;
};

}  // namespace

std::unique_ptr<ForwardingServer> ForwardingServer::Create(IoThreads& threads,
                                                           ForwardingOptions options,
                                                           Decide decide) {
  return std::make_unique<AsioForwardingServer>(threads.context(), options, std::move(decide));
}

}  // namespace afluente::http
