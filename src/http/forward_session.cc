#include "http/forward_session.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http.hpp>
#include <ctime>
#include <utility>

#include "absl/strings/str_cat.h"
#include "http/hop_headers.h"
#include "http/problem.h"
#include "http/status_line.h"

namespace afluente::http {
namespace {

// GCC 12 makes traps of some co_await in conditions (&&, ||, ?:): here each has a statement to
// itself.

namespace asio = boost::asio;
namespace beast = boost::beast;
using asio::ip::tcp;
using beast::error_code;

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);
constexpr size_t kPieceBytes = 16 << 10;
constexpr uint32_t kAnswerHeadBytesMax = 64 << 10;
constexpr size_t kIdleUpstreamsMax = 64;

using AnswerParser = beast::http::response_parser<beast::http::buffer_body>;

void CloseNow(beast::tcp_stream& stream) {
  error_code ignored;
  stream.socket().close(ignored);
}

std::string ChunkOf(std::string_view bytes) {
  return absl::StrCat(absl::Hex(bytes.size()), "\r\n",
                      absl::string_view(bytes.data(), bytes.size()), "\r\n");
}

std::string RequestHead(const Request& request, const ForwardTo& to, const BodyReader& body) {
  std::string head = absl::StrCat(request.method, " ", to.target, " HTTP/1.1\r\n");
  AppendFields(head, to.headers);
  if (IsWebSocketUpgrade(request)) {
    head += "Connection: Upgrade\r\nUpgrade: websocket\r\n";
  } else if (body.chunked()) {
    head += "Transfer-Encoding: chunked\r\n";
  } else if (request.headers.Find("Content-Length") != nullptr) {
    absl::StrAppend(&head, "Content-Length: ", body.length(), "\r\n");
  }
  return head + "\r\n";
}

Headers HeadersOf(const AnswerParser& parser) {
  Headers headers;
  for (const auto& field : parser.get()) {
    headers.Add(std::string(field.name_string()), std::string(field.value()));
  }
  return headers;
}

}  // namespace

ForwardSession::ForwardSession(std::shared_ptr<ForwardShared> shared, ForwardShard& shard, int fd,
                               Peer peer)
    : shared_(std::move(shared)),
      shard_(shard),
      client_(shard.io),
      parser_({shared_->options.body_bytes_max, shared_->options.header_bytes_max, true}),
      peer_(std::move(peer)) {
  error_code error;
  client_.socket().assign(tcp::v4(), fd, error);
}

void ForwardSession::Start() {
  place_ = shard_.sessions.insert(shard_.sessions.end(), shared_from_this());
  asio::co_spawn(shard_.io, [self = shared_from_this()] { return self->Run(); }, asio::detached);
}

void ForwardSession::Close() {
  if (!open_) return;
  open_ = false;
  CloseNow(client_);
}

void ForwardSession::Drain() {
  keep_alive_ = false;
  if (!busy_) Close();
}

asio::awaitable<void> ForwardSession::Run() {
  bool goes_on = true;
  while (goes_on) {
    goes_on = co_await ServeOne();
    goes_on = goes_on && open_;
  }
  Close();
  shared_->count.Leave();
  shard_.sessions.erase(place_);
}

asio::awaitable<bool> ForwardSession::ReadMore(std::chrono::milliseconds timeout) {
  char piece[kPieceBytes];
  client_.expires_after(timeout);
  const auto [error, size] = co_await client_.async_read_some(asio::buffer(piece), kTuple);
  if (error || size == 0) co_return false;
  in_.append(piece, size);
  co_return true;
}

asio::awaitable<bool> ForwardSession::Write(Stream& stream, std::string bytes) {
  if (bytes.empty()) co_return true;
  stream.expires_after(shared_->options.stall_timeout);
  const auto [error, size] = co_await asio::async_write(stream, asio::buffer(bytes), kTuple);
  co_return !error;
}

asio::awaitable<bool> ForwardSession::SayContinue() {
  if (!expects_continue_) co_return true;
  const bool told = co_await Write(client_, "HTTP/1.1 100 Continue\r\n\r\n");
  co_return told;
}

asio::awaitable<std::optional<Request>> ForwardSession::ReadHead() {
  const ForwardingOptions& options = shared_->options;
  std::optional<std::chrono::steady_clock::time_point> end;
  while (true) {
    if (!in_.empty()) {
      busy_ = true;
      const RequestParser::Step step = parser_.Feed(in_);
      in_.erase(0, step.consumed);
      if (step.progress == RequestParser::Progress::kRefused) {
        const RequestParser::Refusal& refused = parser_.refusal();
        const Response answer = Refusal(nullptr, refused.status, refused.detail);
        co_await Answer(answer, false);
        co_return std::nullopt;
      }
      if (step.progress == RequestParser::Progress::kDone) break;
      if (!end) end = std::chrono::steady_clock::now() + options.header_timeout;
    }
    const auto left = end ? std::chrono::duration_cast<std::chrono::milliseconds>(
                                *end - std::chrono::steady_clock::now())
                          : options.idle_timeout;
    bool more = left.count() > 0;
    if (more) more = co_await ReadMore(left);
    if (!more) {
      // What a slow sender gets, if it listens at all.
      if (end && std::chrono::steady_clock::now() >= *end) {
        co_await Answer(Problem(408, ReasonPhrase(408), "the header did not arrive in time"),
                        false);
      }
      co_return std::nullopt;
    }
  }
  keep_alive_ = parser_.keep_alive() && !shared_->count.stopping;
  http_1_0_ = parser_.is_http_1_0();
  expects_continue_ = parser_.expects_continue();
  Request request = parser_.Take();
  request.remote_address = peer_.address;
  request.tls = peer_.tls();
  co_return request;
}

asio::awaitable<Verdict> ForwardSession::Ask(Request request) {
  // The verdict may come from another thread: it travels back through the loop.
  co_return co_await asio::async_initiate<const asio::use_awaitable_t<>, void(Verdict)>(
      [this](auto handler, Request asked) {
        auto shared = std::make_shared<decltype(handler)>(std::move(handler));
        shared_->decide(std::move(asked), [shared, &io = shard_.io](Verdict verdict) {
          asio::post(io, [shared, verdict = std::move(verdict)]() mutable {
            std::move (*shared)(std::move(verdict));
          });
        });
      },
      asio::use_awaitable, std::move(request));
}

asio::awaitable<bool> ForwardSession::ServeOne() {
  busy_ = false;
  auto request = co_await ReadHead();
  if (!request) co_return false;
  body_.emplace(request->headers, shared_->options.body_bytes_max);
  body_sent_ = false;
  refusal_.reset();
  Verdict verdict = co_await Ask(*request);
  if (std::holds_alternative<NeedBody>(verdict)) {
    const bool read = co_await ReadOwnBody(*request);
    if (!read) co_return false;
    verdict = co_await Ask(*request);
  }
  if (const auto* to = std::get_if<ForwardTo>(&verdict)) {
    const bool goes_on = co_await Forward(*request, *to);
    co_return goes_on;
  }
  const auto* response = std::get_if<Response>(&verdict);
  const bool unread = body_->has_body() && !body_sent_;
  const Response nothing = Problem(500, ReasonPhrase(500), "the request was left unanswered");
  Response answer = response == nullptr ? nothing : *response;
  if (request->method == "HEAD") {
    // Its length would announce a body; without one the framing stays right.
    answer.body.clear();
  }
  co_return co_await Answer(answer, keep_alive_ && !unread);
}

asio::awaitable<bool> ForwardSession::ReadOwnBody(Request& request) {
  body_.emplace(request.headers, kOwnBodyBytesMax);
  const bool told = co_await SayContinue();
  if (!told) co_return false;
  while (true) {
    switch (body_->Take(in_, request.body)) {
      case BodyReader::Progress::kDone:
        body_sent_ = true;
        co_return true;
      case BodyReader::Progress::kNeedMore:
        break;
      case BodyReader::Progress::kMalformed:
        co_await Answer(Problem(400, ReasonPhrase(400), "the body is malformed"), false);
        co_return false;
      case BodyReader::Progress::kTooLarge:
        co_await Answer(Problem(413, ReasonPhrase(413), "the body is too large"), false);
        co_return false;
    }
    const bool more = co_await ReadMore(shared_->options.header_timeout);
    if (!more) co_return false;
  }
}

asio::awaitable<bool> ForwardSession::Answer(const Response& response, bool keep_alive) {
  std::string out;
  AppendHead(out, response, {.keep_alive = keep_alive, .http_1_0 = http_1_0_, .date = {}});
  if (response.status != 204 && response.status != 304) out += response.body;
  const bool written = co_await Write(client_, std::move(out));
  if (written && !keep_alive) {
    // Closing with unread bytes would reset the connection, and the peer would lose the answer.
    error_code ignored;
    client_.socket().shutdown(tcp::socket::shutdown_send, ignored);
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(2);
    size_t dropped = 0;
    bool more = true;
    while (more && dropped < (4 << 20) && std::chrono::steady_clock::now() < end) {
      more = co_await ReadMore(std::chrono::milliseconds(500));
      dropped += in_.size();
      in_.clear();
    }
  }
  co_return written&& keep_alive;
}

asio::awaitable<bool> ForwardSession::Forward(const Request& request, const ForwardTo& to) {
  const bool repeatable =
      (request.method == "GET" || request.method == "HEAD") && !body_->has_body();
  for (const bool fresh : {false, true}) {
    auto upstream = co_await Connect(to, fresh);
    if (upstream == nullptr) break;
    reusable_ = false;
    End end = End::kNothingSent;
    const bool asked = co_await Write(*upstream, RequestHead(request, to, *body_));
    if (asked) {
      using namespace asio::experimental::awaitable_operators;  // NOLINT
      if (body_->has_body()) {
        end = co_await (Relay(*upstream, request, to) && SendBody(*upstream));
      } else {
        body_sent_ = true;
        end = co_await Relay(*upstream, request, to);
      }
    }
    if (end == End::kDone && reusable_ && body_sent_ && shard_.idle.size() < kIdleUpstreamsMax) {
      upstream->expires_never();
      shard_.idle.push_back({to.address, to.tls_host, std::move(upstream)});
    }
    if (end == End::kDone) co_return keep_alive_&& body_sent_;
    if (end == End::kNothingSent && refusal_) {
      co_await Answer(*refusal_, false);
      co_return false;
    }
    if (end == End::kBroken) co_return false;
    if (!repeatable) break;
  }
  const bool unread = body_->has_body();
  Response problem = Problem(502, ReasonPhrase(502), "the service behind this proxy is not there");
  problem.headers.Add("Retry-After", "1");
  co_return co_await Answer(problem, keep_alive_ && !unread);
}

asio::awaitable<void> ForwardSession::SendBody(Stream& upstream) {
  bool going = co_await SayContinue();
  while (going) {
    std::string piece;
    const BodyReader::Progress progress = body_->Take(in_, piece);
    const bool wrong =
        progress == BodyReader::Progress::kMalformed || progress == BodyReader::Progress::kTooLarge;
    if (!wrong && !piece.empty()) {
      std::string framed = body_->chunked() ? ChunkOf(piece) : piece;
      going = co_await Write(upstream, std::move(framed));
      if (!going) break;
    }
    if (progress == BodyReader::Progress::kDone) {
      std::string last = body_->chunked() ? "0\r\n\r\n" : "";
      body_sent_ = co_await Write(upstream, std::move(last));
      if (body_sent_) co_return;
    }
    if (progress == BodyReader::Progress::kMalformed) {
      refusal_ = Problem(400, ReasonPhrase(400), "the body is malformed");
    } else if (progress == BodyReader::Progress::kTooLarge) {
      refusal_ = Problem(413, ReasonPhrase(413), "the body is too large");
    }
    if (wrong) break;
    going = co_await ReadMore(shared_->options.stall_timeout);
  }
  // The upstream must not take a part for the whole.
  CloseNow(upstream);
}

asio::awaitable<ForwardSession::End> ForwardSession::Relay(Stream& upstream, const Request& request,
                                                           const ForwardTo& to) {
  beast::flat_buffer buffer;
  std::optional<AnswerParser> parser;
  do {
    parser.emplace();
    parser->header_limit(kAnswerHeadBytesMax);
    parser->body_limit(boost::none);
    if (request.method == "HEAD") parser->skip(true);
    upstream.expires_after(shared_->options.answer_timeout);
    const auto [error, size] =
        co_await beast::http::async_read_header(upstream, buffer, *parser, kTuple);
    if (error == beast::error::timeout) {
      CloseNow(upstream);
      co_await Answer(Problem(504, ReasonPhrase(504), "no answer in time"), false);
      co_return End::kBroken;
    }
    if (error) co_return End::kNothingSent;
  } while (parser->get().result_int() < 200 && parser->get().result_int() != 101);
  const unsigned status = parser->get().result_int();
  if (status == 101 && !IsWebSocketUpgrade(request)) co_return End::kNothingSent;
  const bool bodiless = request.method == "HEAD" || status == 101 || status == 204 || status == 304;
  const auto length = parser->content_length();
  const bool chunked = !bodiless && !length && !http_1_0_;
  if (!bodiless && !length && http_1_0_) keep_alive_ = false;
  if (shared_->count.stopping) keep_alive_ = false;
  const Headers answered = HeadersOf(*parser);
  std::string head = absl::StrCat("HTTP/1.1 ", status, " ",
                                  absl::string_view(ReasonPhrase(static_cast<int>(status)).data(),
                                                    ReasonPhrase(static_cast<int>(status)).size()),
                                  "\r\n");
  AppendFields(head, WithoutHopByHop(answered));
  AppendFields(head, to.answer_headers);
  if (status == 101) {
    head += "Connection: Upgrade\r\nUpgrade: websocket\r\n";
  } else {
    if (chunked) head += "Transfer-Encoding: chunked\r\n";
    if (length && status != 204) absl::StrAppend(&head, "Content-Length: ", *length, "\r\n");
    if (!keep_alive_) head += "Connection: close\r\n";
  }
  head += "\r\n";
  const bool told = co_await Write(client_, std::move(head));
  if (!told) co_return End::kBroken;
  if (status == 101) {
    co_await Tunnel(upstream, buffer);
    co_return End::kBroken;
  }
  bool whole = bodiless;
  if (!bodiless) whole = co_await RelayBody(upstream, &*parser, buffer, chunked);
  reusable_ = whole && parser->keep_alive() && buffer.size() == 0;
  if (!body_sent_ || !whole) {
    // Ends a body that is still being sent, and shows the client that the answer is cut.
    CloseNow(upstream);
    client_.cancel();
    if (!whole) co_return End::kBroken;
  }
  co_return End::kDone;
}

asio::awaitable<bool> ForwardSession::RelayBody(Stream& upstream, void* untyped,
                                                beast::flat_buffer& buffer, bool chunked) {
  AnswerParser& parser = *static_cast<AnswerParser*>(untyped);
  std::vector<char> piece(kPieceBytes);
  while (!parser.is_done()) {
    parser.get().body().data = piece.data();
    parser.get().body().size = piece.size();
    upstream.expires_after(shared_->options.quiet_timeout);
    const auto [error, used] =
        co_await beast::http::async_read_some(upstream, buffer, parser, kTuple);
    if (error && error != beast::http::error::need_buffer) co_return false;
    const size_t size = piece.size() - parser.get().body().size;
    if (size == 0) continue;
    const std::string_view bytes(piece.data(), size);
    std::string framed = chunked ? ChunkOf(bytes) : std::string(bytes);
    const bool taken = co_await Write(client_, std::move(framed));
    if (!taken) co_return false;
  }
  if (!chunked) co_return true;
  const bool ended = co_await Write(client_, "0\r\n\r\n");
  co_return ended;
}

asio::awaitable<void> ForwardSession::Tunnel(Stream& upstream, beast::flat_buffer& buffer) {
  const auto data = buffer.data();
  bool begun =
      co_await Write(client_, std::string(static_cast<const char*>(data.data()), data.size()));
  if (begun) begun = co_await Write(upstream, std::exchange(in_, std::string()));
  if (!begun) co_return;
  const auto pump = [this](Stream& from, Stream& to) -> asio::awaitable<void> {
    std::vector<char> piece(kPieceBytes);
    while (true) {
      from.expires_after(shared_->options.quiet_timeout);
      const auto [error, size] = co_await from.async_read_some(asio::buffer(piece), kTuple);
      if (error) break;
      const bool taken = co_await Write(to, std::string(piece.data(), size));
      if (!taken) break;
    }
    CloseNow(from);
    CloseNow(to);
  };
  using namespace asio::experimental::awaitable_operators;  // NOLINT
  co_await (pump(client_, upstream) && pump(upstream, client_));
}

}  // namespace afluente::http
