#include "source/mqtt/packet.h"

#include <gtest/gtest.h>

#include "absl/strings/escaping.h"

namespace afluente::source::mqtt {
namespace {

std::string Hex(const char* digits) { return absl::HexStringToBytes(digits); }

template <typename P>
P Read(const char* digits, Version version) {
  const auto packet = Decode(Hex(digits), version);
  EXPECT_TRUE(packet.ok()) << packet.status();
  return packet.ok() && std::holds_alternative<P>(*packet) ? std::get<P>(*packet) : P{};
}

absl::StatusCode ErrorOf(const char* digits, Version version = Version::k5) {
  return Decode(Hex(digits), version).status().code();
}

TEST(Packet, ConnectOf311) {
  const auto connect =
      Read<Connect>("101600044d51545404c2003c000264310001750003707764", Version::k311);
  EXPECT_EQ(connect.version, Version::k311);
  EXPECT_TRUE(connect.clean_start);
  EXPECT_EQ(connect.keep_alive, 60);
  EXPECT_EQ(connect.client_id, "d1");
  EXPECT_EQ(connect.user_name, "u");
  EXPECT_EQ(connect.password, "pwd");
}

TEST(Packet, ConnectOfABridgeSetsTheFirstBitOfTheVersion) {
  const auto connect = Read<Connect>("100d00044d5154548400003c000162", Version::k311);
  EXPECT_EQ(connect.version, Version::k311);
  EXPECT_FALSE(connect.clean_start);
  EXPECT_EQ(connect.client_id, "b");
}

TEST(Packet, ConnectOfOtherVersions) {
  EXPECT_EQ(ErrorOf("100e00064d514973647003020000000162"), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ErrorOf("100f00064d514973647003020000000162"), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(ErrorOf("100d00044d51545406020000000162"), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(ErrorOf("100d0004485454500402000000012f"), absl::StatusCode::kInvalidArgument);
}

TEST(Packet, PublishWithPropertiesOfFive) {
  Publish made;
  made.qos = 1;
  made.packet_id = 10;
  made.topic = "a/b";
  made.properties = {{PropertyId::kUserProperty, 0, "k", "v1"},
                     {PropertyId::kTopicAlias, 3, "", ""}};
  made.payload = std::string("\x00\xff{", 3);
  const std::string bytes = Encode(made, Version::k5);
  EXPECT_EQ(absl::BytesToHexString(bytes), "32160003612f62000a0b2600016b0002763123000300ff7b");
  EXPECT_EQ(std::get<Publish>(*Decode(bytes, Version::k5)), made);
}

TEST(Packet, WrongPackets) {
  EXPECT_EQ(ErrorOf("3003000161"), absl::StatusCode::kInvalidArgument);           // no properties
  EXPECT_EQ(ErrorOf("300400012b00"), absl::StatusCode::kInvalidArgument);         // wildcard
  EXPECT_EQ(ErrorOf("3206000161000000"), absl::StatusCode::kFailedPrecondition);  // id 0
  EXPECT_EQ(ErrorOf("3003000000"), absl::StatusCode::kFailedPrecondition);        // no topic
  EXPECT_EQ(ErrorOf("3606000161000100"), absl::StatusCode::kInvalidArgument);     // QoS 3
  EXPECT_EQ(ErrorOf("c00100"), absl::StatusCode::kInvalidArgument);  // ping with content
  EXPECT_EQ(ErrorOf("0000"), absl::StatusCode::kInvalidArgument);
  // Two session expiries, and a property of another packet.
  EXPECT_EQ(ErrorOf("101800044d515454050200000a11000000011100000001000164"),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ErrorOf("101100044d51545405020000032300010001"
                    "64"),
            absl::StatusCode::kInvalidArgument);
}

TEST(Packet, AcknowledgementsLeaveOutSuccess) {
  EXPECT_EQ(
      absl::BytesToHexString(Encode(Ack{AckKind::kPuback, 7, Reason::kSuccess, {}}, Version::k5)),
      "40020007");
  EXPECT_EQ(absl::BytesToHexString(
                Encode(Ack{AckKind::kPubrec, 7, Reason::kQuotaExceeded, {}}, Version::k5)),
            "5003000797");
  EXPECT_EQ(
      absl::BytesToHexString(Encode(Ack{AckKind::kPubrel, 7, Reason::kSuccess, {}}, Version::k311)),
      "62020007");
  EXPECT_EQ(Read<Ack>("6203000792", Version::k5).reason, Reason::kPacketIdNotFound);
}

TEST(Packet, SizeIsKnownFromTheFirstBytes) {
  EXPECT_EQ(*PacketSize(Hex("30")), 0);
  EXPECT_EQ(*PacketSize(Hex("3080")), 0);
  EXPECT_EQ(*PacketSize(Hex("308001")), 131);
  EXPECT_EQ(*PacketSize(Hex("c000")), 2);
  EXPECT_FALSE(PacketSize(Hex("30ffffffff01")).ok());
}

}  // namespace
}  // namespace afluente::source::mqtt
