#include <string>
#include <utility>

#include "host/check.h"
#include "source/mqtt/packet.h"
#include "source/mqtt/properties.h"

namespace afluente::source::mqtt {
namespace {

enum Type : uint8_t {
  kConnect = 1,
  kConnack = 2,
  kPublish = 3,
  kPuback = 4,
  kPubrel = 6,
  kPubcomp = 7,
  kSubscribe = 8,
  kSuback = 9,
  kUnsubscribe = 10,
  kUnsuback = 11,
  kPingreq = 12,
  kPingresp = 13,
  kDisconnect = 14,
  kAuth = 15,
};

// Packets of one size in 3.1.1 are 2 bytes; a bridge sets the first bit of the version.
constexpr uint8_t kBridgeBit = 0x80;

uint16_t ReadPacketId(WireReader& reader) {
  const uint16_t id = reader.Two();
  if (id == 0) reader.Violate("a packet identifier of 0");
  return id;
}

std::string ReadTopicName(WireReader& reader) {
  std::string topic = reader.Text();
  if (topic.find_first_of("+#") != std::string::npos) reader.Fail("a wildcard in a topic name");
  return topic;
}

Will ReadWill(WireReader& reader, uint8_t flags, Version version) {
  Will will;
  will.qos = flags >> 3 & 3;
  will.retain = (flags & 0x20) != 0;
  if (version == Version::k5) will.properties = ReadProperties(reader, Place::kWill);
  will.topic = ReadTopicName(reader);
  if (will.topic.empty()) reader.Fail("a will without a topic");
  will.payload = reader.Binary();
  return will;
}

absl::StatusOr<Packet> ReadConnect(WireReader reader) {
  Connect connect;
  const std::string protocol = reader.Text();
  const uint8_t level = reader.Byte();
  const bool bridge = (level & kBridgeBit) != 0 && (level & ~kBridgeBit) == 4;
  const uint8_t version = bridge ? 4 : level;
  if (!reader.ok()) return reader.status();
  if (protocol != "MQTT" || (version != 4 && version != 5)) {
    if (protocol != "MQTT" && protocol != "MQIsdp") return absl::InvalidArgumentError("not MQTT");
    return absl::UnimplementedError("MQTT 3.1.1 and 5 are spoken here");
  }
  connect.version = static_cast<Version>(version);
  const uint8_t flags = reader.Byte();
  if ((flags & 1) != 0) reader.Fail("the reserved flag of CONNECT is set");
  const bool has_will = (flags & 4) != 0;
  if (!has_will && (flags & 0x38) != 0) reader.Fail("a will's flags without a will");
  if ((flags >> 3 & 3) == 3) reader.Fail("a will of QoS 3");
  if (connect.version == Version::k311 && (flags & 0xC0) == 0x40) {
    reader.Fail("a password without a user name");
  }
  connect.clean_start = (flags & 2) != 0;
  connect.keep_alive = reader.Two();
  if (connect.version == Version::k5) {
    connect.properties = ReadProperties(reader, Place::kConnect);
  }
  connect.client_id = reader.Text();
  if (has_will) connect.will = ReadWill(reader, flags, connect.version);
  if ((flags & 0x80) != 0) connect.user_name = reader.Text();
  if ((flags & 0x40) != 0) connect.password = reader.Binary();
  if (!reader.empty()) reader.Fail("bytes after the end of CONNECT");
  if (!reader.ok()) return reader.status();
  return connect;
}

absl::StatusOr<Packet> ReadConnack(WireReader reader, Version version) {
  Connack connack;
  const uint8_t flags = reader.Byte();
  if (flags > 1) reader.Fail("reserved flags of CONNACK are set");
  connack.session_present = flags == 1;
  connack.code = reader.Byte();
  if (version == Version::k5) connack.properties = ReadProperties(reader, Place::kConnack);
  if (!reader.empty()) reader.Fail("bytes after the end of CONNACK");
  if (!reader.ok()) return reader.status();
  return connack;
}

absl::StatusOr<Packet> ReadPublish(WireReader reader, uint8_t flags, Version version) {
  Publish publish;
  publish.dup = (flags & 8) != 0;
  publish.qos = flags >> 1 & 3;
  publish.retain = (flags & 1) != 0;
  if (publish.qos == 3) reader.Fail("QoS 3");
  if (publish.qos == 0 && publish.dup) reader.Fail("DUP with QoS 0");
  publish.topic = ReadTopicName(reader);
  if (publish.qos > 0) publish.packet_id = ReadPacketId(reader);
  if (version == Version::k5) publish.properties = ReadProperties(reader, Place::kPublish);
  const bool has_alias = FindProperty(publish.properties, PropertyId::kTopicAlias) != nullptr;
  if (publish.topic.empty() && !has_alias) reader.Violate("a PUBLISH without a topic");
  publish.payload = std::string(reader.Rest());
  if (!reader.ok()) return reader.status();
  return publish;
}

absl::StatusOr<Packet> ReadAck(WireReader reader, uint8_t type, Version version) {
  Ack ack;
  ack.kind = static_cast<AckKind>(type);
  ack.packet_id = ReadPacketId(reader);
  if (version == Version::k5 && !reader.empty()) {
    ack.reason = static_cast<Reason>(reader.Byte());
    if (!reader.empty()) ack.properties = ReadProperties(reader, Place::kAck);
  }
  if (!reader.empty()) reader.Fail("bytes after the end of an acknowledgement");
  if (!reader.ok()) return reader.status();
  return ack;
}

absl::StatusOr<Packet> ReadSubscribe(WireReader reader, Version version) {
  Subscribe subscribe;
  subscribe.packet_id = ReadPacketId(reader);
  if (version == Version::k5) subscribe.properties = ReadProperties(reader, Place::kSubscribe);
  while (!reader.empty()) {
    std::string filter = reader.Text();
    const uint8_t options = reader.Byte();
    if ((options & 3) == 3 || (options & (version == Version::k5 ? 0xC0 : 0xFC)) != 0) {
      reader.Fail("wrong options of a subscription");
    }
    subscribe.filters.emplace_back(std::move(filter), options);
  }
  if (reader.ok() && subscribe.filters.empty()) reader.Violate("a SUBSCRIBE to nothing");
  if (!reader.ok()) return reader.status();
  return subscribe;
}

absl::StatusOr<Packet> ReadUnsubscribe(WireReader reader, Version version) {
  Unsubscribe unsubscribe;
  unsubscribe.packet_id = ReadPacketId(reader);
  if (version == Version::k5) unsubscribe.properties = ReadProperties(reader, Place::kUnsubscribe);
  while (!reader.empty()) unsubscribe.filters.push_back(reader.Text());
  if (reader.ok() && unsubscribe.filters.empty()) reader.Violate("an UNSUBSCRIBE from nothing");
  if (!reader.ok()) return reader.status();
  return unsubscribe;
}

absl::StatusOr<Packet> ReadSuback(WireReader reader, uint8_t type, Version version) {
  Suback suback;
  suback.of_unsubscribe = type == kUnsuback;
  suback.packet_id = ReadPacketId(reader);
  if (version == Version::k5) suback.properties = ReadProperties(reader, Place::kSuback);
  for (const char code : reader.Rest()) suback.codes.push_back(static_cast<uint8_t>(code));
  if (!reader.ok()) return reader.status();
  return suback;
}

// The optional reason and properties of DISCONNECT and AUTH.
template <typename Ending>
absl::StatusOr<Packet> ReadEnding(WireReader reader, Version version, Place place) {
  Ending ending;
  if (!reader.empty()) {
    if (version != Version::k5) reader.Fail("bytes after the end of DISCONNECT");
    ending.reason = static_cast<decltype(ending.reason)>(reader.Byte());
    if (!reader.empty()) ending.properties = ReadProperties(reader, place);
    if (!reader.empty()) reader.Fail("bytes after the end of the packet");
  }
  if (!reader.ok()) return reader.status();
  return ending;
}

absl::StatusOr<Packet> ReadPing(const WireReader& reader, uint8_t type) {
  if (!reader.empty()) return absl::InvalidArgumentError("a ping with content");
  return Ping{type == kPingresp};
}

}  // namespace

absl::StatusOr<uint64_t> PacketSize(std::string_view bytes) {
  uint64_t length = 0;
  for (size_t i = 1; i <= 4; ++i) {
    if (i >= bytes.size()) return uint64_t{0};
    const auto byte = static_cast<uint8_t>(bytes[i]);
    length |= static_cast<uint64_t>(byte & 0x7F) << (7 * (i - 1));
    if ((byte & 0x80) == 0) return length + 1 + i;
  }
  return absl::InvalidArgumentError("a length of more than four bytes");
}

absl::StatusOr<Packet> Decode(std::string_view packet, Version version) {
  AFLUENTE_ASSIGN_OR_RETURN(const uint64_t size, PacketSize(packet));
  if (size == 0 || size != packet.size()) return absl::InvalidArgumentError("not one packet");
  WireReader reader(packet);
  const uint8_t first = reader.Byte();
  const uint8_t type = first >> 4, flags = first & 0x0F;
  (void)reader.Variable();
  const uint8_t flags_wanted =
      type == kPubrel || type == kSubscribe || type == kUnsubscribe ? 2 : 0;
  if (type != kPublish && flags != flags_wanted) {
    return absl::InvalidArgumentError("reserved flags of a packet are wrong");
  }
  switch (type) {
    case kConnect:
      return ReadConnect(reader);
    case kConnack:
      return ReadConnack(reader, version);
    case kPublish:
      return ReadPublish(reader, flags, version);
    case kSubscribe:
      return ReadSubscribe(reader, version);
    case kUnsubscribe:
      return ReadUnsubscribe(reader, version);
    case kSuback:
    case kUnsuback:
      return ReadSuback(reader, type, version);
    case kPingreq:
    case kPingresp:
      return ReadPing(reader, type);
    case kDisconnect:
      return ReadEnding<Disconnect>(reader, version, Place::kDisconnect);
    case kAuth:
      if (version != Version::k5) break;
      return ReadEnding<Auth>(reader, version, Place::kAuth);
    default:
      if (type >= kPuback && type <= kPubcomp) return ReadAck(reader, type, version);
  }
  return absl::InvalidArgumentError("a packet of no known type");
}

}  // namespace afluente::source::mqtt
