#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"

namespace afluente::source::mqtt {

// The packets of MQTT 3.1.1 and 5 (OASIS standards), as they are on the wire: what they mean is
// decided elsewhere.

enum class Version : uint8_t { k311 = 4, k5 = 5 };

// Reason codes of MQTT 5 (2.4); those that this server gives.
enum class Reason : uint8_t {
  kSuccess = 0x00,
  kDisconnectWithWill = 0x04,
  kNoMatchingSubscribers = 0x10,
  kNoSubscriptionExisted = 0x11,
  kUnspecified = 0x80,
  kMalformedPacket = 0x81,
  kProtocolError = 0x82,
  kImplementationSpecific = 0x83,
  kUnsupportedVersion = 0x84,
  kClientIdNotValid = 0x85,
  kBadUserNameOrPassword = 0x86,
  kNotAuthorized = 0x87,
  kServerUnavailable = 0x88,
  kServerBusy = 0x89,
  kServerShuttingDown = 0x8B,
  kBadAuthenticationMethod = 0x8C,
  kKeepAliveTimeout = 0x8D,
  kSessionTakenOver = 0x8E,
  kTopicNameInvalid = 0x90,
  kPacketIdInUse = 0x91,
  kPacketIdNotFound = 0x92,
  kReceiveMaximumExceeded = 0x93,
  kTopicAliasInvalid = 0x94,
  kPacketTooLarge = 0x95,
  kQuotaExceeded = 0x97,
  kPayloadFormatInvalid = 0x99,
  kMaximumConnectTime = 0xA0,
};

enum class PropertyId : uint8_t {
  kPayloadFormat = 0x01,
  kMessageExpiry = 0x02,
  kContentType = 0x03,
  kResponseTopic = 0x08,
  kCorrelationData = 0x09,
  kSubscriptionId = 0x0B,
  kSessionExpiry = 0x11,
  kAssignedClientId = 0x12,
  kServerKeepAlive = 0x13,
  kAuthenticationMethod = 0x15,
  kAuthenticationData = 0x16,
  kRequestProblem = 0x17,
  kWillDelay = 0x18,
  kRequestResponse = 0x19,
  kResponseInformation = 0x1A,
  kServerReference = 0x1C,
  kReasonString = 0x1F,
  kReceiveMaximum = 0x21,
  kTopicAliasMaximum = 0x22,
  kTopicAlias = 0x23,
  kMaximumQos = 0x24,
  kRetainAvailable = 0x25,
  kUserProperty = 0x26,
  kMaximumPacketSize = 0x27,
  kWildcardAvailable = 0x28,
  kSubscriptionIdAvailable = 0x29,
  kSharedAvailable = 0x2A,
};

struct Property {
  PropertyId id{};
  uint32_t number = 0;
  std::string text;   // strings and binary; a user property's name
  std::string value;  // a user property's value
  friend bool operator==(const Property&, const Property&) = default;
};
using Properties = std::vector<Property>;
const Property* FindProperty(const Properties& properties, PropertyId id);
uint32_t NumberOf(const Properties& properties, PropertyId id, uint32_t otherwise);

struct Will {
  std::string topic;
  std::string payload;
  uint8_t qos = 0;
  bool retain = false;
  Properties properties;
  friend bool operator==(const Will&, const Will&) = default;
};
struct Connect {
  Version version = Version::k311;
  bool clean_start = true;
  uint16_t keep_alive = 0;  // seconds; 0 = none
  std::string client_id;
  std::optional<Will> will;
  std::optional<std::string> user_name;
  std::optional<std::string> password;
  Properties properties;
  friend bool operator==(const Connect&, const Connect&) = default;
};
struct Connack {
  bool session_present = false;
  uint8_t code = 0;  // 3.1.1: a return code; 5: a reason
  Properties properties;
  friend bool operator==(const Connack&, const Connack&) = default;
};
struct Publish {
  bool dup = false;
  uint8_t qos = 0;
  bool retain = false;
  std::string topic;
  uint16_t packet_id = 0;  // of QoS 1 and 2
  Properties properties;
  std::string payload;
  friend bool operator==(const Publish&, const Publish&) = default;
};
enum class AckKind : uint8_t { kPuback = 4, kPubrec = 5, kPubrel = 6, kPubcomp = 7 };
struct Ack {
  AckKind kind = AckKind::kPuback;
  uint16_t packet_id = 0;
  Reason reason = Reason::kSuccess;
  Properties properties;
  friend bool operator==(const Ack&, const Ack&) = default;
};
struct Subscribe {
  uint16_t packet_id = 0;
  Properties properties;
  std::vector<std::pair<std::string, uint8_t>> filters;  // and their options
  friend bool operator==(const Subscribe&, const Subscribe&) = default;
};
struct Unsubscribe {
  uint16_t packet_id = 0;
  Properties properties;
  std::vector<std::string> filters;
  friend bool operator==(const Unsubscribe&, const Unsubscribe&) = default;
};
struct Suback {
  bool of_unsubscribe = false;  // UNSUBACK
  uint16_t packet_id = 0;
  Properties properties;
  std::vector<uint8_t> codes;
  friend bool operator==(const Suback&, const Suback&) = default;
};
struct Ping {
  bool response = false;
  friend bool operator==(const Ping&, const Ping&) = default;
};
struct Disconnect {
  Reason reason = Reason::kSuccess;
  Properties properties;
  friend bool operator==(const Disconnect&, const Disconnect&) = default;
};
struct Auth {
  uint8_t reason = 0;
  Properties properties;
  friend bool operator==(const Auth&, const Auth&) = default;
};

using Packet = std::variant<Connect, Connack, Publish, Ack, Subscribe, Unsubscribe, Suback, Ping,
                            Disconnect, Auth>;

// How long the packet at the front of `bytes` is, its fixed header included; 0 when not enough of
// it is there to tell. INVALID_ARGUMENT for a length in more than four bytes.
absl::StatusOr<uint64_t> PacketSize(std::string_view bytes);

// One whole packet, of the version that its connection speaks (a CONNECT names its own).
// INVALID_ARGUMENT: malformed; FAILED_PRECONDITION: a protocol error; UNIMPLEMENTED: a CONNECT of
// another version. Pure.
absl::StatusOr<Packet> Decode(std::string_view packet, Version version);

// The packet's bytes. Its strings fit (65,535 bytes).
std::string Encode(const Packet& packet, Version version);

}  // namespace afluente::source::mqtt
