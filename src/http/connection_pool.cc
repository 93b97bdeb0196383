#include "http/connection_pool.h"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/http.hpp>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "http/io_context.h"
#include "http/outbound_connection.h"
#include "http/url.h"

namespace afluente::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using asio::ip::tcp;
using boost::system::error_code;

constexpr unsigned kProcessing = 102;

class Exchange;

struct IdleConnection {
  std::unique_ptr<OutboundConnection> connection;
  std::chrono::steady_clock::time_point since;
};

// What the pool and its exchanges share; touched on one loop's thread only.
struct PoolState : std::enable_shared_from_this<PoolState> {
  PoolState(asio::io_context& loop, const PoolOptions& limits)
      : io(loop), options(limits), purge_timer(loop) {}

  // Made for the first that needs it: to read the machine's certificates takes tens of
  // milliseconds, which most processes never need.
  asio::ssl::context& Tls() {
    if (!tls) TrustTheMachine(tls.emplace(asio::ssl::context::tls_client));
    return *tls;
  }

  void Submit(std::shared_ptr<Exchange> exchange);
  void StartWaiting();
  std::unique_ptr<OutboundConnection> TakeIdle(const std::string& server);
  void Keep(const std::string& server, std::unique_ptr<OutboundConnection> connection);
  void ArmPurge();
  void Stop();

  asio::io_context& io;
  const PoolOptions options;
  std::optional<asio::ssl::context> tls;
  std::map<std::string, std::deque<IdleConnection>> idle;
  size_t idle_count = 0;
  asio::steady_timer purge_timer;
  bool purging = false;
  std::set<std::shared_ptr<Exchange>> running;
  std::deque<std::shared_ptr<Exchange>> waiting;
  bool stopped = false;
};

// One request until it is answered. Owned by the pool and by its operations under way.
class Exchange : public std::enable_shared_from_this<Exchange> {
 public:
  Exchange(std::shared_ptr<PoolState> pool, Url url, OutgoingRequest request,
           std::chrono::milliseconds timeout, ConnectionPool::Answered done)
      : pool_(std::move(pool)),
        url_(std::move(url)),
        server_(absl::StrCat(url_.tls ? "https" : "http", "://", url_.host, ":", url_.port)),
        done_(std::move(done)),
        resolver_(pool_->io),
        timer_(pool_->io) {
    request_.version(11);
    request_.method_string(request.method);
    request_.target(url_.target);
    request_.set(beast::http::field::host, url_.authority);
    for (auto& [name, value] : request.headers.entries()) request_.insert(name, value);
    request_.body() = std::move(request.body);
    request_.prepare_payload();
    timer_.expires_after(timeout);
  }

  // From here on the time counts, waiting for a connection included.
  void Arm() {
    timer_.async_wait([self = shared_from_this()](const error_code& error) {
      if (!error) self->Finish(absl::DeadlineExceededError("no answer in time"));
    });
  }

  void Start() {
    connection_ = pool_->TakeIdle(server_);
    reused_ = connection_ != nullptr;
    if (reused_) {
      Write();
    } else {
      Connect();
    }
  }

  void Finish(absl::StatusOr<Response> answer) {
    if (!done_) return;
    timer_.cancel();
    resolver_.cancel();
    if (connection_) connection_->Close();
    auto done = std::exchange(done_, nullptr);
    const auto self = shared_from_this();
    pool_->running.erase(self);
    done(std::move(answer));
    pool_->StartWaiting();
  }

  bool finished() const { return !done_; }

 private:
  // A step's end: does nothing when the exchange is over.
  template <typename Next>
  auto Step(std::string what, Next next) {
    return [self = shared_from_this(), what = std::move(what), next = std::move(next)](
               const error_code& error, auto&&...) {
      if (self->finished()) return;
      if (error) return self->Fail(what, error);
      next(*self);
    };
  }

  void Fail(const std::string& what, const error_code& error) {
    // The server may have closed a kept connection just when it was taken.
    if (reused_ && !answer_began_) {
      reused_ = false;
      connection_->Close();
      Retire();
      return Connect();
    }
    Finish(absl::UnavailableError(absl::StrCat(what, " ", url_.authority, ": ", error.message())));
  }

  // Its cancelled operations still refer to the connection: it goes after them.
  void Retire() {
    asio::post(pool_->io, [old = std::shared_ptr<OutboundConnection>(std::move(connection_))] {});
  }

  void Connect() {
    connection_ =
        std::make_unique<OutboundConnection>(pool_->io, url_.tls ? &pool_->Tls() : nullptr);
    resolver_.async_resolve(url_.host, url_.port,
                            [self = shared_from_this()](const error_code& error,
                                                        const tcp::resolver::results_type& found) {
                              if (self->finished()) return;
                              if (error) return self->Fail("cannot resolve", error);
                              self->ConnectTo(found);
                            });
  }

  void ConnectTo(const tcp::resolver::results_type& endpoints) {
    connection_->socket().async_connect(endpoints, Step("cannot connect to", [](Exchange& self) {
                                          error_code ignored;
                                          self.connection_->socket().socket().set_option(
                                              tcp::no_delay(true), ignored);
                                          if (self.connection_->tls() == nullptr)
                                            return self.Write();
                                          self.Handshake();
                                        }));
  }

  void Handshake() {
    auto& tls = *connection_->tls();
    connection_->Expect(url_.host);
    tls.async_handshake(asio::ssl::stream_base::client,
                        Step("no TLS with", [](Exchange& self) { self.Write(); }));
  }

  void Write() {
    connection_->WithStream([this](auto& stream) {
      beast::http::async_write(stream, request_,
                               Step("cannot send to", [](Exchange& self) { self.Read(); }));
    });
  }

  void Read() {
    parser_.emplace();
    parser_->body_limit(pool_->options.answer_bytes_max);
    connection_->WithStream([this](auto& stream) {
      beast::http::async_read(stream, connection_->buffer(), *parser_,
                              [self = shared_from_this()](const error_code& error, size_t) {
                                if (self->finished()) return;
                                const bool cut = error == beast::http::error::body_limit;
                                if (error && !cut) return self->Fail("no answer from", error);
                                self->OnAnswer(cut);
                              });
    });
  }

  // `cut`: the body is longer than we want to know.
  void OnAnswer(bool cut) {
    answer_began_ = true;
    auto message = parser_->release();
    const unsigned status = message.result_int();
    const bool interim = status / 100 == 1;
    if (interim && status != kProcessing) return Read();
    Response response;
    response.status = static_cast<int>(status);
    for (const auto& field : message) {
      response.headers.Add(std::string(field.name_string()), std::string(field.value()));
    }
    response.body = std::move(message.body());
    // After an interim answer the final one would be taken for the next request's.
    if (message.keep_alive() && !interim && !cut && connection_->buffer().size() == 0) {
      pool_->Keep(server_, std::move(connection_));
    }
    Finish(std::move(response));
  }

  const std::shared_ptr<PoolState> pool_;  // shared: operations may end after the pool
  const Url url_;
  const std::string server_;
  ConnectionPool::Answered done_;
  tcp::resolver resolver_;
  asio::steady_timer timer_;
  beast::http::request<beast::http::string_body> request_;
  std::optional<beast::http::response_parser<beast::http::string_body>> parser_;
  std::unique_ptr<OutboundConnection> connection_;
  bool reused_ = false;
  bool answer_began_ = false;
};

void PoolState::Submit(std::shared_ptr<Exchange> exchange) {
  if (stopped) return exchange->Finish(absl::CancelledError("the pool is closed"));
  exchange->Arm();
  if (running.size() < options.connections_max) {
    running.insert(exchange);
    exchange->Start();
  } else if (waiting.size() < options.waiting_max) {
    waiting.push_back(std::move(exchange));
  } else {
    exchange->Finish(absl::ResourceExhaustedError("too many requests wait for a connection"));
  }
}

void PoolState::StartWaiting() {
  while (!stopped && !waiting.empty() && running.size() < options.connections_max) {
    std::shared_ptr<Exchange> next = std::move(waiting.front());
    waiting.pop_front();
    if (next->finished()) continue;
    running.insert(next);
    next->Start();
  }
}

std::unique_ptr<OutboundConnection> PoolState::TakeIdle(const std::string& server) {
  const auto found = idle.find(server);
  if (found == idle.end()) return nullptr;
  // The latest: the others may time out.
  auto connection = std::move(found->second.back().connection);
  found->second.pop_back();
  --idle_count;
  if (found->second.empty()) idle.erase(found);
  return connection;
}

void PoolState::Keep(const std::string& server, std::unique_ptr<OutboundConnection> connection) {
  if (stopped || idle_count >= options.connections_max) return;
  idle[server].push_back({std::move(connection), std::chrono::steady_clock::now()});
  ++idle_count;
  ArmPurge();
}

void PoolState::ArmPurge() {
  if (std::exchange(purging, true)) return;
  purge_timer.expires_after(options.idle_timeout / 2);
  purge_timer.async_wait([self = shared_from_this()](const error_code& error) {
    self->purging = false;
    if (error) return;
    const auto before = std::chrono::steady_clock::now() - self->options.idle_timeout;
    for (auto it = self->idle.begin(); it != self->idle.end();) {
      auto& kept = it->second;
      while (!kept.empty() && kept.front().since <= before) {
        kept.pop_front();
        --self->idle_count;
      }
      it = kept.empty() ? self->idle.erase(it) : std::next(it);
    }
    if (!self->idle.empty()) self->ArmPurge();
  });
}

void PoolState::Stop() {
  stopped = true;
  purge_timer.cancel();
  const auto cancel = [](auto exchanges) {
    for (const auto& each : exchanges) each->Finish(absl::CancelledError("the pool is closed"));
  };
  cancel(std::vector(running.begin(), running.end()));
  cancel(std::exchange(waiting, {}));
  idle.clear();
}

class LoopConnectionPool final : public ConnectionPool {
 public:
  LoopConnectionPool(asio::io_context& io, const PoolOptions& options)
      : state_(std::make_shared<PoolState>(io, options)) {}
  ~LoopConnectionPool() override {
    RunOn(state_->io, [this] { state_->Stop(); });
  }

  void Send(OutgoingRequest request, std::chrono::milliseconds timeout, Answered done) override {
    absl::StatusOr<Url> url = ParseUrl(request.url);
    if (!url.ok()) return done(url.status());
    auto exchange = std::make_shared<Exchange>(state_, *std::move(url), std::move(request), timeout,
                                               std::move(done));
    asio::post(state_->io, [state = state_, exchange = std::move(exchange)]() mutable {
      state->Submit(std::move(exchange));
    });
  }

 private:
  const std::shared_ptr<PoolState> state_;  // shared with what is under way
};

}  // namespace

std::unique_ptr<ConnectionPool> ConnectionPool::Create(IoThreads& threads,
                                                       const PoolOptions& options) {
  auto& context = threads.context();
  return std::make_unique<LoopConnectionPool>(context.loops[context.NextLoop()]->io, options);
}

}  // namespace afluente::http
