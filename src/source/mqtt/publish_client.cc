#include "source/mqtt/publish_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "host/check.h"
#include "host/descriptor.h"
#include "source/mqtt/packet.h"

namespace afluente::source::mqtt {
namespace {

constexpr size_t kWriteBytes = 32 << 10;  // gathered before they are sent
constexpr int kTimeoutSeconds = 60;

absl::Status Lost() {
  return absl::UnavailableError(absl::StrCat("the connection broke: ", std::strerror(errno)));
}

class SocketPublishClient final : public PublishClient {
 public:
  explicit SocketPublishClient(host::Descriptor socket) : socket_(std::move(socket)) {}

  absl::Status Introduce(const std::string& client_id) {
    mqtt::Connect connect;
    connect.version = Version::k5;
    connect.client_id = client_id;
    out_ = Encode(connect, Version::k5);
    AFLUENTE_RETURN_IF_ERROR(Flush());
    AFLUENTE_ASSIGN_OR_RETURN(const Packet answer, Next());
    const auto* connack = std::get_if<Connack>(&answer);
    if (connack == nullptr) return absl::UnavailableError("the answer is not MQTT");
    if (connack->code != 0) {
      return absl::PermissionDeniedError(
          absl::StrCat("refused with reason ", static_cast<int>(connack->code)));
    }
    window_ = NumberOf(connack->properties, PropertyId::kReceiveMaximum, 65'535);
    return absl::OkStatus();
  }

  absl::Status Publish(const std::string& topic, const std::string& payload) override {
    while (sent_ - answered_ >= window_) AFLUENTE_RETURN_IF_ERROR(TakeAck());
    mqtt::Publish publish;
    publish.qos = 1;
    publish.topic = topic;
    publish.payload = payload;
    publish.packet_id = static_cast<uint16_t>(sent_ % 65'535 + 1);
    ++sent_;
    out_ += Encode(publish, Version::k5);
    if (out_.size() >= kWriteBytes) AFLUENTE_RETURN_IF_ERROR(Flush());
    return refused_;
  }

  absl::Status Finish() override {
    while (answered_ < sent_) AFLUENTE_RETURN_IF_ERROR(TakeAck());
    out_ += Encode(Disconnect{}, Version::k5);
    AFLUENTE_RETURN_IF_ERROR(Flush());
    return refused_;
  }

  uint64_t acknowledged() const override { return acknowledged_; }

 private:
  absl::Status Flush() {
    std::string_view left = out_;
    while (!left.empty()) {
      const ssize_t n = host::Uninterrupted(
          [&] { return send(socket_.get(), left.data(), left.size(), MSG_NOSIGNAL); });
      if (n <= 0) return Lost();
      left.remove_prefix(static_cast<size_t>(n));
    }
    out_.clear();
    return absl::OkStatus();
  }

  absl::StatusOr<Packet> Next() {
    while (true) {
      AFLUENTE_ASSIGN_OR_RETURN(const uint64_t size, PacketSize(in_));
      if (size > 0 && size <= in_.size()) {
        auto packet = Decode(std::string_view(in_).substr(0, size), Version::k5);
        in_.erase(0, size);
        return packet;
      }
      char bytes[4096];
      const ssize_t n =
          host::Uninterrupted([&] { return recv(socket_.get(), bytes, sizeof bytes, 0); });
      if (n == 0) errno = ECONNRESET;
      if (n <= 0) return Lost();
      in_.append(bytes, static_cast<size_t>(n));
    }
  }

  absl::Status TakeAck() {
    AFLUENTE_RETURN_IF_ERROR(Flush());
    AFLUENTE_ASSIGN_OR_RETURN(const Packet packet, Next());
    if (const auto* ended = std::get_if<Disconnect>(&packet)) {
      return absl::UnavailableError(
          absl::StrCat("the server ended it with reason ", static_cast<int>(ended->reason)));
    }
    const auto* ack = std::get_if<Ack>(&packet);
    if (ack == nullptr) return absl::OkStatus();
    ++answered_;
    if (static_cast<uint8_t>(ack->reason) < 0x80) {
      ++acknowledged_;
    } else if (refused_.ok()) {
      const Property* why = FindProperty(ack->properties, PropertyId::kReasonString);
      refused_ = absl::FailedPreconditionError(absl::StrCat(
          "message ", answered_, " was refused with reason ", static_cast<int>(ack->reason),
          why == nullptr ? "" : ": ", why == nullptr ? "" : why->text));
    }
    return absl::OkStatus();
  }

  const host::Descriptor socket_;
  std::string out_, in_;
  uint64_t window_ = 1;
  uint64_t sent_ = 0, answered_ = 0, acknowledged_ = 0;
  absl::Status refused_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<PublishClient>> PublishClient::Connect(
    const std::string& address, const std::string& client_id) {
  const size_t colon = address.rfind(':');
  uint32_t port = 0;
  sockaddr_in to{};
  const std::string name = address.substr(0, colon == std::string::npos ? 0 : colon);
  const std::string ip = name == "localhost" ? "127.0.0.1" : name;
  if (colon == std::string::npos || !absl::SimpleAtoi(address.substr(colon + 1), &port) ||
      port > 65'535 || inet_pton(AF_INET, ip.c_str(), &to.sin_addr) != 1) {
    return absl::InvalidArgumentError(absl::StrCat(address, ": expected IP:PORT"));
  }
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<uint16_t>(port));
  host::Descriptor socket_to(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval timeout{kTimeoutSeconds, 0};
  setsockopt(socket_to.get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  setsockopt(socket_to.get(), SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
  const int on = 1;
  setsockopt(socket_to.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (connect(socket_to.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
    return absl::UnavailableError(absl::StrCat(address, ": ", std::strerror(errno)));
  }
  auto client = std::make_unique<SocketPublishClient>(std::move(socket_to));
  AFLUENTE_RETURN_IF_ERROR(client->Introduce(client_id));
  return std::unique_ptr<PublishClient>(std::move(client));
}

}  // namespace afluente::source::mqtt
