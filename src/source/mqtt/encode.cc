#include <string>

#include "source/mqtt/packet.h"
#include "source/mqtt/properties.h"

namespace afluente::source::mqtt {
namespace {

// Writes the packet's body and returns its first byte.
class BodyWriter {
 public:
  BodyWriter(Version version, std::string& out) : five_(version == Version::k5), out_(out) {}

  int operator()(const Connect& packet) {
    AppendText(out_, "MQTT");
    out_ += static_cast<char>(packet.version);
    const Will* will = packet.will ? &*packet.will : nullptr;
    uint8_t flags = packet.clean_start ? 2 : 0;
    if (will != nullptr) flags |= 4 | will->qos << 3 | (will->retain ? 0x20 : 0);
    if (packet.user_name) flags |= 0x80;
    if (packet.password) flags |= 0x40;
    out_ += static_cast<char>(flags);
    AppendTwo(out_, packet.keep_alive);
    five_ = packet.version == Version::k5;
    Append(packet.properties);
    AppendText(out_, packet.client_id);
    if (will != nullptr) {
      Append(will->properties);
      AppendText(out_, will->topic);
      AppendText(out_, will->payload);
    }
    if (packet.user_name) AppendText(out_, *packet.user_name);
    if (packet.password) AppendText(out_, *packet.password);
    return 0x10;
  }
  int operator()(const Connack& packet) {
    out_ += static_cast<char>(packet.session_present);
    out_ += static_cast<char>(packet.code);
    Append(packet.properties);
    return 0x20;
  }
  int operator()(const Publish& packet) {
    AppendText(out_, packet.topic);
    if (packet.qos > 0) AppendTwo(out_, packet.packet_id);
    Append(packet.properties);
    out_ += packet.payload;
    return 0x30 | packet.dup << 3 | packet.qos << 1 | packet.retain;
  }
  int operator()(const Ack& packet) {
    AppendTwo(out_, packet.packet_id);
    AppendReason(static_cast<uint8_t>(packet.reason), packet.properties);
    const int type = static_cast<int>(packet.kind);
    return type << 4 | (packet.kind == AckKind::kPubrel ? 2 : 0);
  }
  int operator()(const Subscribe& packet) {
    AppendTwo(out_, packet.packet_id);
    Append(packet.properties);
    for (const auto& [filter, options] : packet.filters) {
      AppendText(out_, filter);
      out_ += static_cast<char>(options);
    }
    return 0x82;
  }
  int operator()(const Unsubscribe& packet) {
    AppendTwo(out_, packet.packet_id);
    Append(packet.properties);
    for (const std::string& filter : packet.filters) AppendText(out_, filter);
    return 0xA2;
  }
  int operator()(const Suback& packet) {
    AppendTwo(out_, packet.packet_id);
    Append(packet.properties);
    for (const uint8_t code : packet.codes) out_ += static_cast<char>(code);
    return packet.of_unsubscribe ? 0xB0 : 0x90;
  }
  int operator()(const Ping& packet) { return packet.response ? 0xD0 : 0xC0; }
  int operator()(const Disconnect& packet) {
    AppendReason(static_cast<uint8_t>(packet.reason), packet.properties);
    return 0xE0;
  }
  int operator()(const Auth& packet) {
    AppendReason(packet.reason, packet.properties);
    return 0xF0;
  }

 private:
  void Append(const Properties& properties) {
    if (five_) AppendProperties(out_, properties);
  }
  // Left out where they say nothing.
  void AppendReason(uint8_t reason, const Properties& properties) {
    if (!five_ || (reason == 0 && properties.empty())) return;
    out_ += static_cast<char>(reason);
    if (!properties.empty()) AppendProperties(out_, properties);
  }

  bool five_;
  std::string& out_;
};

}  // namespace

std::string Encode(const Packet& packet, Version version) {
  std::string body;
  const int first = std::visit(BodyWriter(version, body), packet);
  std::string bytes(1, static_cast<char>(first));
  AppendVariable(bytes, static_cast<uint32_t>(body.size()));
  bytes += body;
  return bytes;
}

}  // namespace afluente::source::mqtt
