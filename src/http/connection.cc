#include "http/connection.h"

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <ctime>
#include <exception>
#include <utility>

#include "http/body_stream.h"
#include "http/problem.h"
#include "http/status_line.h"
#include "telemetry/log.h"

namespace afluente::http {
namespace {

using boost::system::error_code;
using Socket = boost::asio::ip::tcp::socket;

// Pipelined answers gather up to this before they are sent.
constexpr size_t kGatherBytes = 64 << 10;
// A body from here on is sent from where it is instead of being copied behind its head.
constexpr size_t kTailBytes = 16 << 10;
// An idle connection's output buffer keeps no more than this.
constexpr size_t kKeptBytes = 1 << 10;
// A body must come at this rate, after the header timeout as a start, and an answer must be taken
// at it, after the idle timeout.
constexpr uint64_t kBytesPerMillisecond = 4;
// What is read and thrown away after a refusal, so that the peer gets to read the answer.
constexpr uint64_t kLingerBytes = 64 << 20;
constexpr std::chrono::seconds kLingerTime{5};

// Answers once; dropped unanswered it answers 500.
class Reply {
 public:
  explicit Reply(std::shared_ptr<Connection> connection) : connection_(std::move(connection)) {}
  Reply(Reply&&) noexcept = default;
  Reply& operator=(Reply&&) = delete;
  ~Reply() {
    if (connection_ == nullptr) return;
    connection_->AnswerUnanswered();
  }
  void operator()(Response response) {
    if (connection_ == nullptr) return;
    std::exchange(connection_, nullptr)->Answer(std::move(response));
  }

 private:
  std::shared_ptr<Connection> connection_;
};

std::chrono::milliseconds SweepInterval(const ServerOptions& options) {
  const auto shortest = std::min(options.header_timeout, options.idle_timeout);
  return std::clamp(shortest / 8, std::chrono::milliseconds(5), std::chrono::milliseconds(500));
}

// One timer a loop looks at all its deadlines: cheaper than a timer a connection.
void Sweep(const std::shared_ptr<ServerShared>& shared, ServerShared::Shard& shard) {
  shard.sweeping = !shard.sessions.empty();
  if (!shard.sweeping || shared->count.stopping) return;
  shard.sweep.expires_after(SweepInterval(shared->options));
  shard.sweep.async_wait([shared, &shard](const error_code& error) {
    if (error) return;
    const auto now = std::chrono::steady_clock::now();
    for (auto i = shard.sessions.begin(); i != shard.sessions.end();) {
      const std::shared_ptr<Connection> connection = *i++;
      connection->CheckDeadline(now);
    }
    Sweep(shared, shard);
  });
}

}  // namespace

Connection::Connection(std::shared_ptr<ServerShared> shared, ServerShared::Shard& shard, int fd,
                       Peer peer)
    : shared_(std::move(shared)),
      shard_(shard),
      socket_(shard.io),
      parser_({shared_->options.body_bytes_max, shared_->options.header_bytes_max}),
      peer_(std::move(peer)) {
  error_code error;
  // The protocol only matters for opening; the descriptor is open already.
  socket_.assign(boost::asio::ip::tcp::v4(), fd, error);
  if (!error) socket_.native_non_blocking(true, error);
  if (error) {
    ::close(fd);
    open_ = false;
  }
}

void Connection::Start() {
  if (!open_) return shared_->count.Leave();
  place_ = shard_.sessions.insert(shard_.sessions.end(), shared_from_this());
  if (shared_->count.stopping) return Close();
  Await(Waiting::kIdle);
  WaitReadable();
  if (!shard_.sweeping) Sweep(shared_, shard_);
}

void Connection::Close() {
  if (!open_) return;
  open_ = false;
  error_code ignored;
  socket_.close(ignored);
  shared_->body_bytes -= std::exchange(charged_, 0);
  const auto self = shared_from_this();
  shard_.sessions.erase(place_);
  shared_->count.Leave();
  if (cancellation_ != nullptr) cancellation_->Cancel();
  if (stream_ != nullptr) std::exchange(stream_, nullptr)->PeerGone();
}

void Connection::Drain() {
  close_after_ = true;
  // A stream may go on for ever.
  if (waiting_ == Waiting::kIdle || stream_ != nullptr) Close();
}

void Connection::Await(Waiting waiting) {
  const ServerOptions& options = shared_->options;
  waiting_ = waiting;
  const auto now = std::chrono::steady_clock::now();
  switch (waiting) {
    case Waiting::kIdle:
      deadline_ = now + options.idle_timeout;
      return;
    case Waiting::kWrite:
      deadline_ = std::min(now + options.idle_timeout, write_end_);
      return;
    case Waiting::kHead:
    case Waiting::kBody:
      deadline_ = now + options.header_timeout;
      return;
    case Waiting::kHandler:
    case Waiting::kStream:
      deadline_ = std::chrono::steady_clock::time_point::max();
      return;
    case Waiting::kLinger:
      deadline_ = now + kLingerTime;
  }
}

void Connection::CheckDeadline(std::chrono::steady_clock::time_point now) {
  if (!open_ || now < deadline_) return;
  if (waiting_ == Waiting::kHead || waiting_ == Waiting::kBody) {
    keep_alive_ = false;
    Append(OwnRefusal(408, waiting_ == Waiting::kHead ? "the header did not arrive in time"
                                                      : "the body did not arrive in time"));
    Send();
  } else if (waiting_ == Waiting::kWrite) {
    // Without a reset the kernel would keep what the peer does not take.
    CutOff();
  }
  Close();
}

void Connection::WaitReadable() {
  if (std::exchange(reading_, true)) return;
  socket_.async_wait(Socket::wait_read, [self = shared_from_this()](const error_code& error) {
    self->reading_ = false;
    if (!self->open_) return;
    if (error) return self->Close();
    const bool busy = self->waiting_ == Waiting::kHandler || self->waiting_ == Waiting::kStream;
    if (busy) return self->OnReadableWhileHandled();
    // While an answer is being written, input waits until it is.
    if (self->waiting_ != Waiting::kWrite) self->OnReadable();
  });
}

// What a waiting peer sends stays in the socket; only its going matters.
void Connection::OnReadableWhileHandled() {
  char byte;
  const ssize_t n = recv(socket_.native_handle(), &byte, 1, MSG_PEEK);
  if (n > 0) return;
  if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return WaitReadable();
  if (n < 0 || stream_ != nullptr) return Close();
  // It may have closed its sending side alone: it still gets the answer.
  if (cancellation_ != nullptr) cancellation_->Cancel();
}

void Connection::OnReadable() {
  if (waiting_ == Waiting::kLinger) return OnLingerReadable();
  const ssize_t n = recv(socket_.native_handle(), shard_.scratch.data(), shard_.scratch.size(), 0);
  if (n > 0) return OnBytes({shard_.scratch.data(), static_cast<size_t>(n)});
  if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return WaitReadable();
  Close();
}

void Connection::OnBytes(std::string_view bytes) {
  std::string joined;
  if (!pending_.empty()) {
    joined = std::exchange(pending_, std::string()).append(bytes);
    bytes = joined;
  }
  while (open_) {
    const RequestParser::Step step = parser_.Feed(bytes);
    bytes.remove_prefix(step.consumed);
    if (step.progress == RequestParser::Progress::kRefused)
      return Refuse(parser_.refusal().status, parser_.refusal().detail);
    if (!ChargeBody()) {
      return Refuse(503, "too many request bodies are in memory");
    }
    if (step.progress == RequestParser::Progress::kNeedMore) return NeedMore(bytes);
    if (!Handle(bytes)) return;
  }
}

bool Connection::ChargeBody() {
  const uint64_t size = parser_.body_size();
  if (size <= charged_) return true;
  const uint64_t more = size - std::exchange(charged_, size);
  return shared_->body_bytes.fetch_add(more) + more <= shared_->options.bodies_bytes_max;
}

void Connection::NeedMore(std::string_view rest) {
  pending_ = std::string(rest);
  if (!parser_.started()) {
    if (shared_->count.stopping) close_after_ = true;
    if (waiting_ != Waiting::kIdle) Await(Waiting::kIdle);
  } else if (!parser_.head_complete()) {
    if (waiting_ != Waiting::kHead) Await(Waiting::kHead);
  } else {
    AwaitBody();
  }
  if (!Send()) return AwaitWritable();
  if (close_after_ && !parser_.started()) return Close();
  WaitReadable();
}

void Connection::AwaitBody() {
  const uint64_t received = parser_.body_size();
  if (waiting_ != Waiting::kBody) {
    Await(Waiting::kBody);
  } else {
    const auto longest = std::chrono::steady_clock::now() + shared_->options.header_timeout;
    const std::chrono::milliseconds earned((received - timed_) / kBytesPerMillisecond);
    deadline_ = std::min(longest, deadline_ + earned);
  }
  timed_ = received;
  if (!parser_.expects_continue() || continued_) return;
  continued_ = true;
  out_ += "HTTP/1.1 100 Continue\r\n\r\n";
}

// False when the connection now waits for something else than input.
bool Connection::Handle(std::string_view rest) {
  keep_alive_ = parser_.keep_alive();
  is_head_ = parser_.is_head();
  http_1_0_ = parser_.is_http_1_0();
  continued_ = false;
  Request request = parser_.Take();
  request.remote_address = peer_.address;
  request.tls = peer_.tls();
  cancellation_ = std::make_shared<host::Cancellation>();
  request.cancellation = cancellation_;
  Await(Waiting::kHandler);
  in_handler_ = true;
  try {
    shared_->handler(std::move(request), Reply(shared_from_this()));
  } catch (const std::exception& error) {
    // The handler is another folder's: what it let through must not end the process.
    telemetry::Log(telemetry::Severity::kError, "a request's handler threw",
                   {{"error", error.what()}});
  }
  in_handler_ = false;
  if (!inline_answer_) {
    pending_ = std::string(rest);
    Send();  // earlier answers; what does not fit now goes with this one
    if (open_ && pending_.empty()) WaitReadable();
    return false;
  }
  Append(*std::exchange(inline_answer_, std::nullopt));
  if (stream_ != nullptr) {
    pending_ = std::string(rest);
    AwaitWritable();
    return false;
  }
  if (!close_after_ && out_.size() < kGatherBytes && tail_.empty()) return true;
  if (Send() && !close_after_) return open_;
  pending_ = std::string(rest);
  AwaitWritable();
  return false;
}

void Connection::Answer(Response response) {
  if (shard_.io.get_executor().running_in_this_thread() && in_handler_) {
    inline_answer_.emplace(std::move(response));
    return;
  }
  boost::asio::post(shard_.io,
                    [self = shared_from_this(), response = std::move(response)]() mutable {
                      self->OnAnswer(std::move(response));
                    });
}

void Connection::OnAnswer(Response response) {
  if (!open_) return;
  Append(std::move(response));
  if (close_after_ || stream_ != nullptr) return AwaitWritable();
  OnBytes({});
}

void Connection::AnswerUnanswered() {
  Answer(Refusal(shared_->options.refusal, 500, "the request was left unanswered"));
}

Response Connection::OwnRefusal(int status, std::string_view detail) const {
  Response response = Refusal(shared_->options.refusal, status, detail);
  if (shared_->options.on_refusal) shared_->options.on_refusal(response);
  return response;
}

void Connection::Refuse(int status, std::string_view detail) {
  keep_alive_ = false;
  is_head_ = false;
  linger_ = true;
  pending_.clear();
  Append(OwnRefusal(status, detail));
  AwaitWritable();
}

void Connection::Append(Response response) {
  cancellation_ = nullptr;
  const bool streamed = response.stream != nullptr && !is_head_;
  close_after_ = close_after_ || !keep_alive_ || shared_->count.stopping || (streamed && http_1_0_);
  AppendHead(out_, response,
             {.keep_alive = !close_after_,
              .http_1_0 = http_1_0_,
              .chunked = response.stream != nullptr,
              .date = Date()});
  shared_->body_bytes -= std::exchange(charged_, 0);
  timed_ = 0;
  if (is_head_ && response.stream != nullptr) response.stream->PeerGone();
  if (is_head_ || response.status == 204 || response.status == 304) return;
  if (streamed) {
    stream_ = std::move(response.stream);
    stream_->Attach([weak = weak_from_this(), &io = shard_.io] {
      const auto self = weak.lock();
      if (self == nullptr) return;
      boost::asio::post(io, [self] {
        if (self->open_ && self->waiting_ == Waiting::kStream) self->Pump();
      });
    });
    return;
  }
  if (response.body.size() < kTailBytes) {
    out_ += response.body;
  } else {
    tail_ = std::move(response.body);
  }
}

// Sends what the stream's writer has given since.
void Connection::Pump() {
  std::string bytes;
  const BodyStream::State state = stream_->Take(bytes);
  if (state == BodyStream::State::kAborted) {
    // Where the connection's end is the body's, a reset keeps it from looking whole.
    if (bytes.empty() && http_1_0_) CutOff();
    if (bytes.empty()) return Close();
  }
  if (!bytes.empty()) {
    if (!http_1_0_) AppendChunkSize(out_, bytes.size());
    out_ += bytes;
    if (!http_1_0_) out_ += "\r\n";
  } else if (state == BodyStream::State::kEnded) {
    if (!http_1_0_) out_ += "0\r\n\r\n";
    stream_ = nullptr;
  } else {
    Await(Waiting::kStream);
    return WaitReadable();
  }
  AwaitWritable();
}

// True when all is sent. On an error the connection is closed.
bool Connection::Send() {
  while (open_ && sent_ < out_.size() + tail_.size()) {
    const size_t of_out = std::min(sent_, out_.size());
    const size_t of_tail = sent_ - of_out;
    iovec parts[2] = {{out_.data() + of_out, out_.size() - of_out},
                      {tail_.data() + of_tail, tail_.size() - of_tail}};
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = 2;
    const ssize_t n = sendmsg(socket_.native_handle(), &message, MSG_NOSIGNAL);
    if (n >= 0) {
      sent_ += static_cast<size_t>(n);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return false;
    } else if (errno != EINTR) {
      Close();
    }
  }
  sent_ = 0;
  tail_ = std::string();
  if (out_.capacity() > kKeptBytes) {
    out_ = std::string();
  } else {
    out_.clear();
  }
  return open_;
}

// Sends the rest, then closes or goes on.
void Connection::AwaitWritable() {
  if (!open_) return;
  if (Send()) return OnSent();
  if (!open_) return;
  if (waiting_ != Waiting::kWrite) {
    const std::chrono::milliseconds slowest((out_.size() + tail_.size()) / kBytesPerMillisecond);
    write_end_ = std::chrono::steady_clock::now() + shared_->options.idle_timeout + slowest;
  }
  Await(Waiting::kWrite);
  socket_.async_wait(Socket::wait_write, [self = shared_from_this()](const error_code& error) {
    if (!self->open_) return;
    if (error) return self->Close();
    // Progress earns the peer another time-out, within what its slowest allowed rate takes.
    self->AwaitWritable();
  });
}

void Connection::OnSent() {
  if (stream_ != nullptr) return Pump();
  if (linger_ || (close_after_ && HasUnread())) return Linger();
  if (close_after_) return Close();
  OnBytes({});
}

void Connection::CutOff() {
  error_code ignored;
  socket_.set_option(Socket::linger(true, 0), ignored);
  if (peer_.tls()) *peer_.tls_cut = true;
}

bool Connection::HasUnread() {
  int bytes = 0;
  return ioctl(socket_.native_handle(), FIONREAD, &bytes) == 0 && bytes > 0;
}

// Closing with unread bytes would reset the connection, and the peer would lose the answer.
void Connection::Linger() {
  error_code ignored;
  socket_.shutdown(Socket::shutdown_send, ignored);
  Await(Waiting::kLinger);
  WaitReadable();
}

void Connection::OnLingerReadable() {
  const ssize_t n = recv(socket_.native_handle(), shard_.scratch.data(), shard_.scratch.size(), 0);
  const bool again = n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
  if (n > 0) lingered_ += static_cast<uint64_t>(n);
  if ((n > 0 && lingered_ < kLingerBytes) || again) return WaitReadable();
  Close();
}

std::string_view Connection::Date() {
  const long long now = std::time(nullptr);
  if (now != shard_.date_second) {
    shard_.date_second = now;
    shard_.date = HttpDate(now);
  }
  return shard_.date;
}

}  // namespace afluente::http
