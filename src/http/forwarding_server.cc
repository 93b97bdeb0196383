#include "http/forwarding_server.h"

#include <unistd.h>

#include <utility>

#include "http/forward_session.h"
#include "http/sharded_server.h"

namespace afluente::http {
namespace {

class AsioForwardingServer final : public ShardedServer<ForwardingServer, ForwardSession> {
 public:
  using ShardedServer::ShardedServer;
  ~AsioForwardingServer() override { Stop(std::chrono::milliseconds(0)); }

 private:
  void Refuse(int fd) override { close(fd); }
  void OnStopped(Shard& shard) override { shard.idle.clear(); }
};

}  // namespace

std::unique_ptr<ForwardingServer> ForwardingServer::Create(IoThreads& threads,
                                                           ForwardingOptions options,
                                                           Decide decide) {
  auto shared = std::make_shared<ForwardShared>();
  shared->options = std::move(options);
  shared->decide = std::move(decide);
  return std::make_unique<AsioForwardingServer>(threads.context(), std::move(shared));
}

}  // namespace afluente::http
