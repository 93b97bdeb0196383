#include "source/mqtt/connection.h"

#include <openssl/x509.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <utility>

namespace afluente::source::mqtt {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

constexpr size_t kReadBytes = 4 << 10;
constexpr size_t kReadBytesMax = 64 << 10;
// From this on a packet's room is asked for before it is received.
constexpr uint64_t kLargeBytes = 64 << 10;
// Answers that a client does not read; then its packets wait, or it goes.
constexpr size_t kUnreadAnswers = 64 << 10;
constexpr size_t kUnreadAnswersMax = 1 << 20;
constexpr std::chrono::milliseconds kRoomPause{50};
constexpr std::chrono::seconds kCloseTimeout{2};

}  // namespace

Connection::Connection(std::shared_ptr<Door> door, asio::io_context& io, int fd,
                       std::shared_ptr<asio::ssl::context> tls)
    : door_(std::move(door)),
      io_(io),
      context_(std::move(tls)),
      timer_(io),
      armed_(host::MonotonicTime::max()) {
  Socket socket(io_);
  Error ignored;
  socket.assign(tcp::v4(), fd, ignored);
  if (context_ == nullptr) plain_ = std::make_unique<Socket>(std::move(socket));
  if (context_ != nullptr) tls_ = std::make_unique<TlsStream>(std::move(socket), *context_);
}

Connection::~Connection() { door_->traffic.connections.fetch_sub(1); }

void Connection::Start() {
  packet_deadline_ = door_->clock.Monotonic() + door_->limits.connect_timeout;
  Arm();
  if (tls_ == nullptr) return Begin("");
  tls_->async_handshake(asio::ssl::stream_base::server,
                        [self = shared_from_this()](const Error& error) {
                          if (error) return self->Finish();
                          self->Begin(self->CertificateName());
                        });
}

std::string Connection::CertificateName() {
  SSL* ssl = tls_->native_handle();
  X509* certificate = SSL_get1_peer_certificate(ssl);
  if (certificate == nullptr) return "";
  char name[256] = "";
  const bool verified = SSL_get_verify_result(ssl) == X509_V_OK;
  const int size = X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName,
                                             name, sizeof name);
  X509_free(certificate);
  if (!verified || size <= 0 || size >= static_cast<int>(sizeof name)) return "";
  return std::string(name, static_cast<size_t>(size));
}

void Connection::Begin(std::string certificate_name) {
  if (finished_) return;
  packet_deadline_ = host::MonotonicTime::max();
  conversation_ = std::make_shared<Conversation>(
      Conversation::Ports{door_->publisher, door_->sessions, door_->routes, door_->admit,
                          door_->clock, door_->traffic, door_->limits},
      shared_from_this(), std::move(certificate_name));
  Arm();
  Read();
}

void Connection::Post(absl::AnyInvocable<void()> work) {
  asio::post(io_, [door = door_, work = std::move(work)]() mutable {
    if (door->open) work();
  });
}

void Connection::After(std::chrono::milliseconds delay, absl::AnyInvocable<void()> work) {
  Post([self = shared_from_this(), delay, work = std::move(work)]() mutable {
    auto timer = std::make_shared<asio::steady_timer>(self->io_, delay);
    timer->async_wait(
        [timer, door = self->door_, work = std::move(work)](const Error& error) mutable {
          if (!error && door->open) work();
        });
  });
}

void Connection::Resume() {
  // While it reads, what is in_ was parsed already, and the read writes there.
  if (finished_ || closing_ || parsing_ || reading_ || conversation_ == nullptr) return;
  Parse();
  Read();
}

void Connection::Read() {
  if (reading_ || finished_ || closing_ || !conversation_->WantsMore()) return;
  if (out_.size() > kUnreadAnswers) return;
  if (wanted_ > kLargeBytes && !MayReceive(wanted_)) return;
  reading_ = true;
  const size_t missing = wanted_ > filled_ ? wanted_ - filled_ : 0;
  in_.resize(filled_ + std::clamp(missing, kReadBytes, kReadBytesMax));
  const auto buffer = asio::buffer(in_.data() + filled_, in_.size() - filled_);
  auto then = [self = shared_from_this()](const Error& error, size_t bytes) {
    self->OnRead(error, bytes);
  };
  if (tls_) return tls_->async_read_some(buffer, std::move(then));
  plain_->async_read_some(buffer, std::move(then));
}

void Connection::OnRead(const Error& error, size_t bytes) {
  reading_ = false;
  if (finished_) return;
  if (error) return Finish();
  if (draining_) return Discard();
  if (closing_) return;
  filled_ += bytes;
  Parse();
  Read();
}

void Connection::Parse() {
  parsing_ = true;
  size_t done = 0;
  while (!closing_ && !finished_ && conversation_->WantsMore()) {
    const std::string_view rest = std::string_view(in_).substr(done, filled_ - done);
    const auto size = PacketSize(rest);
    if (!size.ok()) {
      conversation_->OnMalformed(Reason::kMalformedPacket);
      break;
    }
    if (*size > conversation_->packet_bytes_max()) {
      conversation_->OnMalformed(Reason::kPacketTooLarge);
      break;
    }
    if (*size == 0 || *size > rest.size()) {
      const bool begun = !rest.empty() && packet_deadline_ == host::MonotonicTime::max();
      if (begun) packet_deadline_ = door_->clock.Monotonic() + door_->limits.packet_timeout;
      wanted_ = *size;
      break;
    }
    conversation_->OnPacket(rest.substr(0, *size));
    done += *size;
    wanted_ = 0;
    packet_deadline_ = host::MonotonicTime::max();
    LetGoOfLarge();
  }
  parsing_ = false;
  in_.erase(0, done);
  filled_ -= std::min(filled_, done);
  if (filled_ == 0) in_ = std::string();
  Arm();
}

bool Connection::MayReceive(uint64_t size) {
  if (large_ >= size) return true;
  const uint64_t before = door_->traffic.large_packet_bytes.fetch_add(size);
  if (before == 0 || before + size <= door_->limits.large_packet_bytes_max) {
    large_ = size;
    return true;
  }
  door_->traffic.large_packet_bytes.fetch_sub(size);
  // Until the packet's time is over.
  After(kRoomPause, [self = shared_from_this()] { self->Resume(); });
  return false;
}

void Connection::LetGoOfLarge() {
  door_->traffic.large_packet_bytes.fetch_sub(std::exchange(large_, 0));
}

void Connection::Send(std::string bytes) {
  if (finished_ || draining_) return;
  out_ += bytes;
  if (out_.size() > kUnreadAnswersMax) return Finish();
  Write();
}

void Connection::Write() {
  if (!writing_.empty() || finished_) return;
  if (out_.empty()) {
    if (closing_) FinishSending();
    return;
  }
  writing_.swap(out_);
  auto then = [self = shared_from_this()](const Error& error, size_t) { self->OnWritten(error); };
  if (tls_) return asio::async_write(*tls_, asio::buffer(writing_), std::move(then));
  asio::async_write(*plain_, asio::buffer(writing_), std::move(then));
}

void Connection::OnWritten(const Error& error) {
  writing_.clear();
  if (finished_) return;
  if (error) return Finish();
  Write();
  if (!closing_) Resume();
}

void Connection::Close() {
  if (closing_ || finished_) return;
  closing_ = true;
  packet_deadline_ = door_->clock.Monotonic() + kCloseTimeout;
  Arm();
  Post([self = shared_from_this()] { self->Write(); });
}

// Bytes that were never read would turn the close into a reset, which overtakes the last answer.
void Connection::FinishSending() {
  if (draining_) return;
  draining_ = true;
  Error ignored;
  socket().shutdown(tcp::socket::shutdown_send, ignored);
  if (ignored) return Finish();
  // A read under way would discard too.
  if (!reading_) Discard();
}

void Connection::Discard() {
  in_.resize(kReadBytes);
  socket().async_read_some(asio::buffer(in_),
                           [self = shared_from_this()](const Error& error, size_t) {
                             if (self->finished_) return;
                             if (error) return self->Finish();
                             self->Discard();
                           });
}

void Connection::Shut() {
  if (conversation_ != nullptr) return conversation_->Shut();
  Finish();
}

void Connection::Abort() { Finish(); }

void Connection::Finish() {
  if (finished_) return;
  finished_ = closing_ = true;
  const std::shared_ptr<Connection> self = shared_from_this();
  LetGoOfLarge();
  timer_.cancel();
  Error ignored;
  socket().close(ignored);
  if (conversation_ != nullptr && door_->open) conversation_->OnEnd();
  // Each holds the other. Later: a call of the conversation may be what led here.
  asio::post(io_, [self] { self->conversation_ = nullptr; });
  absl::MutexLock lock(&door_->mutex);
  door_->connections.erase(self);
}

void Connection::Arm() {
  if (finished_) return;
  host::MonotonicTime deadline = packet_deadline_;
  if (conversation_ != nullptr && !closing_) {
    deadline = std::min(deadline, conversation_->deadline());
  }
  if (deadline >= armed_) return;
  armed_ = deadline;
  timer_.expires_at(deadline);
  timer_.async_wait([self = shared_from_this()](const Error& error) {
    if (!error) self->OnTimer();
  });
}

void Connection::OnTimer() {
  if (finished_) return;
  armed_ = host::MonotonicTime::max();
  const auto now = door_->clock.Monotonic();
  if (packet_deadline_ <= now) return Finish();
  if (conversation_ != nullptr && !closing_ && conversation_->deadline() <= now) {
    conversation_->Expire();
  }
  Arm();
}

}  // namespace afluente::source::mqtt
