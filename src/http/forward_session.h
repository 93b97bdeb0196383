#pragma once

// Private to this folder.
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "http/body_reader.h"
#include "http/forwarding_server.h"
#include "http/io_context.h"
#include "http/request_parser.h"
#include "http/sharded_server.h"

namespace afluente::http {

class ForwardSession;

// What the sessions of one loop share; touched on its thread alone.
struct ForwardShard {
  explicit ForwardShard(boost::asio::io_context& loop) : io(loop) {}
  struct Idle {
    std::string address;
    std::string tls_host;
    std::unique_ptr<boost::beast::tcp_stream> stream;
  };
  boost::asio::io_context& io;
  std::list<std::shared_ptr<ForwardSession>> sessions;
  std::vector<Idle> idle;  // connections to upstreams that wait for a request
};

struct ForwardShared {
  ForwardingOptions options;
  Decide decide;
  std::vector<std::unique_ptr<ForwardShard>> shards;
  ConnectionCount count;
};

// One client's connection, a coroutine on its loop's thread: head, verdict, answer, and so on.
class ForwardSession : public std::enable_shared_from_this<ForwardSession> {
 public:
  using Shared = ForwardShared;
  using Shard = ForwardShard;
  ForwardSession(std::shared_ptr<ForwardShared> shared, ForwardShard& shard, int fd, Peer peer);
  void Start();
  void Close();
  // Closes when no request is under way; else after it.
  void Drain();

 private:
  template <typename T>
  using Awaitable = boost::asio::awaitable<T>;
  using Stream = boost::beast::tcp_stream;

  Awaitable<void> Run();
  Awaitable<bool> ServeOne();
  Awaitable<std::optional<Request>> ReadHead();
  Awaitable<Verdict> Ask(Request request);
  // The body of a request for ourselves; false when the connection is done with.
  Awaitable<bool> ReadOwnBody(Request& request);
  Awaitable<bool> SayContinue();
  Awaitable<bool> Answer(const Response& response, bool keep_alive);
  Awaitable<bool> Forward(const Request& request, const ForwardTo& to);
  // A kept connection unless `fresh`; nullptr when there is none.
  Awaitable<std::unique_ptr<Stream>> Connect(const ForwardTo& to, bool fresh);
  Awaitable<std::vector<boost::asio::ip::tcp::endpoint>> Resolve(const std::string& address);
  Awaitable<void> SendBody(Stream& upstream);
  // How an exchange with the upstream ended.
  enum class End { kDone, kBroken, kNothingSent };
  Awaitable<End> Relay(Stream& upstream, const Request& request, const ForwardTo& to);
  Awaitable<bool> RelayBody(Stream& upstream, void* parser, boost::beast::flat_buffer& buffer,
                            bool chunked);
  Awaitable<void> Tunnel(Stream& upstream, boost::beast::flat_buffer& buffer);
  Awaitable<bool> Write(Stream& stream, std::string bytes);
  // Appends what comes to in_; false at the end.
  Awaitable<bool> ReadMore(std::chrono::milliseconds timeout);

  std::shared_ptr<ForwardShared> shared_;
  ForwardShard& shard_;
  Stream client_;
  std::list<std::shared_ptr<ForwardSession>>::iterator place_;
  RequestParser parser_;
  const Peer peer_;
  std::string in_;                   // received, not understood yet
  std::optional<BodyReader> body_;   // of the request under way
  std::optional<Response> refusal_;  // of the body, found while it was being sent on
  bool keep_alive_ = true;
  bool http_1_0_ = false;
  bool expects_continue_ = false;
  bool body_sent_ = false;  // all of it, to the upstream
  bool reusable_ = false;   // the upstream's connection, after the answer
  bool busy_ = false;
  bool open_ = true;
};

}  // namespace afluente::http
