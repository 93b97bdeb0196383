#pragma once

// Private to this folder.
#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/cancellation.h"
#include "http/io_context.h"
#include "http/request_parser.h"
#include "http/server.h"
#include "http/sharded_server.h"

namespace afluente::http {

class Connection;

// What a server's connections share. Held by shared_ptr: a Responder keeps its connection, and the
// connection this, past the Server.
struct ServerShared {
  // The connections of one loop; touched on its thread alone.
  struct Shard {
    explicit Shard(boost::asio::io_context& loop) : io(loop), sweep(loop) {}
    boost::asio::io_context& io;
    boost::asio::steady_timer sweep;
    bool sweeping = false;
    std::list<std::shared_ptr<Connection>> sessions;
    std::vector<char> scratch = std::vector<char>(64 << 10);  // what one read fills
    long long date_second = 0;
    std::string date;
  };

  ServerOptions options;
  Handler handler;
  std::vector<std::unique_ptr<Shard>> shards;
  std::atomic<uint64_t> body_bytes{0};
  ConnectionCount count;
};

// One connection: reads a request, calls the handler, writes the answer, and so on, in order. Lives
// on its loop's thread; only Answer may be called from others. Idle it holds no buffer.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  using Shared = ServerShared;
  using Shard = ServerShared::Shard;
  Connection(std::shared_ptr<ServerShared> shared, ServerShared::Shard& shard, int fd, Peer peer);

  void Start();
  // Any thread.
  void Answer(Response response);
  // In place of an answer that nobody gave.
  void AnswerUnanswered();
  // Acts on the deadline when it has passed.
  void CheckDeadline(std::chrono::steady_clock::time_point now);
  // Closes when idle; otherwise after the answer in flight.
  void Drain();
  void Close();

 private:
  enum class Waiting { kIdle, kHead, kBody, kHandler, kStream, kWrite, kLinger };

  void WaitReadable();
  void OnReadableWhileHandled();
  void OnReadable();
  void OnBytes(std::string_view bytes);
  bool Handle(std::string_view rest);
  void NeedMore(std::string_view rest);
  void AwaitBody();
  Response OwnRefusal(int status, std::string_view detail) const;
  void Refuse(int status, std::string_view detail);
  void OnAnswer(Response response);
  void Append(Response response);
  void Pump();
  bool Send();
  void AwaitWritable();
  void OnSent();
  bool HasUnread();
  // The peer must not take what it has for all of it.
  void CutOff();
  void Linger();
  void OnLingerReadable();
  void Await(Waiting waiting);
  bool ChargeBody();
  std::string_view Date();

  std::shared_ptr<ServerShared> shared_;
  ServerShared::Shard& shard_;
  boost::asio::ip::tcp::socket socket_;
  std::list<std::shared_ptr<Connection>>::iterator place_;
  RequestParser parser_;
  const Peer peer_;
  std::string pending_;  // received, not yet consumed by the parser
  std::string out_;      // to be sent from sent_ on, then tail_
  std::string tail_;
  size_t sent_ = 0;
  std::optional<Response> inline_answer_;
  std::shared_ptr<BodyStream> stream_;                // that is being sent
  std::shared_ptr<host::Cancellation> cancellation_;  // of the request that is being handled
  std::chrono::steady_clock::time_point deadline_ = std::chrono::steady_clock::time_point::max();
  std::chrono::steady_clock::time_point write_end_;
  uint64_t charged_ = 0;  // of shared_->body_bytes
  uint64_t timed_ = 0;    // of the body, when its deadline was last moved
  uint64_t lingered_ = 0;
  Waiting waiting_ = Waiting::kIdle;
  bool open_ = true;
  bool in_handler_ = false;
  bool reading_ = false;  // a wait for input is under way
  bool close_after_ = false;
  bool linger_ = false;
  bool continued_ = false;
  bool keep_alive_ = true;
  bool is_head_ = false;
  bool http_1_0_ = false;
};

}  // namespace afluente::http
