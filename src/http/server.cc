#include "http/server.h"

#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include "http/connection.h"
#include "http/problem.h"
#include "http/sharded_server.h"
#include "http/status_line.h"

namespace afluente::http {
namespace {

// The answer to a connection too many: best effort, it must not wait.
void RefuseConnection(const ServerOptions& options, int fd) {
  Response problem = Refusal(options.refusal, 503, "too many connections");
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

class AsioServer final : public ShardedServer<Server, Connection> {
 public:
  using ShardedServer::ShardedServer;
  ~AsioServer() override { Stop(std::chrono::milliseconds(0)); }

  void Adopt(int fd, Peer peer) override { Take(fd, std::move(peer)); }

 private:
  void Refuse(int fd) override { RefuseConnection(shared().options, fd); }
  void OnStopped(Shard& shard) override { shard.sweep.cancel(); }
};

}  // namespace

std::unique_ptr<Server> Server::Create(IoThreads& threads, ServerOptions options, Handler handler) {
  auto shared = std::make_shared<ServerShared>();
  shared->options = std::move(options);
  shared->handler = std::move(handler);
  return std::make_unique<AsioServer>(threads.context(), std::move(shared));
}

}  // namespace afluente::http
