#include <gtest/gtest.h>

#include <random>
#include <string>

#include "schema/message/message_schema.h"
#include "schema/test_seed.h"
#include "schema/text.h"

namespace afluente::schema {
namespace {

using enum MessageEncoding;

std::unique_ptr<MessageSchema> Compile(std::string_view definition) {
  auto schema = MessageSchema::Compile(SchemaLanguage::kProtobuf, definition);
  EXPECT_TRUE(schema.ok()) << schema.status();
  return schema.ok() ? *std::move(schema) : nullptr;
}

std::string CompileError(std::string_view definition) {
  absl::Status status = MessageSchema::Compile(SchemaLanguage::kProtobuf, definition).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << definition;
  return std::string(status.message());
}

std::string Error(const MessageSchema& schema, MessageEncoding encoding, std::string_view data) {
  absl::Status status = schema.Validate(encoding, data);
  EXPECT_TRUE(status.ok() || absl::IsInvalidArgument(status));
  return std::string(status.message());
}

constexpr char kOrder[] = R"(syntax = "proto3";
package shop;
import "google/protobuf/timestamp.proto";
message Order {
  int64 id = 1;
  string note = 2;
  bytes raw = 3;
  State state = 4;
  repeated Line lines = 5;
  google.protobuf.Timestamp time = 6;
  Order next = 7;
  enum State { NEW = 0; PAID = 1; }
  message Line { string sku = 1; int32 count = 2; }
})";

TEST(ProtobufDefinition, ErrorsSayWhatIsWrongAndWhere) {
  EXPECT_EQ(CompileError("syntax = \"proto3\";\nmessage A { strin a = 1; }"),
            "not a Protocol Buffer schema: line 2 column 13: A.a: \"strin\" is not defined.");
  EXPECT_EQ(CompileError("syntax = \"proto3\";\nmessage A { string a = 1"),
            "not a Protocol Buffer schema: line 2 column 25: Expected \";\".");
  EXPECT_EQ(CompileError("syntax = \"proto3\"; message A {} message B {}"),
            "not a Protocol Buffer schema: expected one top-level message, found 2");
  EXPECT_EQ(
      CompileError("syntax = \"proto3\"; import \"x.proto\"; message A {}"),
      "not a Protocol Buffer schema: import \"x.proto\": only Google's well-known types can be "
      "imported");
  EXPECT_NE(CompileError("syntax = \"proto3\"; import \"google/pubsub/v1/pubsub.proto\";"
                         "message A { google.pubsub.v1.Topic t = 1; }"),
            "");
  EXPECT_NE(CompileError(""), "");
  EXPECT_NE(CompileError("syntax = \"proto9\"; message A {}"), "");
  EXPECT_NE(CompileError("message A { optional A a = 1 [weak = true]; }"), "");
  EXPECT_NE(
      CompileError("message A { option message_set_wire_format = true; extensions 4 to max; }"),
      "");
}

TEST(ProtobufDefinition, DeepOnesAreRefused) {
  std::string deep = "syntax = \"proto3\";";
  for (int i = 0; i < 20'000; ++i) deep += "message A{";
  EXPECT_NE(CompileError(deep).find("nested more than"), std::string::npos);
  std::string option = "syntax = \"proto3\"; message A { option (x) = ";
  for (int i = 0; i < 50'000; ++i) option += "{a:";
  EXPECT_NE(CompileError(option).find("nested more than"), std::string::npos);
}

TEST(ProtobufDefinition, ItsNamesAreItsOwn) {
  // Even one that the program itself has.
  auto schema =
      Compile("syntax = \"proto3\"; package google.protobuf; message Timestamp {int32 x = 1;}");
  EXPECT_EQ(Error(*schema, kJson, R"({"y":1})").find("y:"), 0u);
}

TEST(ProtobufJson, FieldsAreCheckedAndNamed) {
  auto schema = Compile(kOrder);
  const std::string good =
      R"({"id":"7","note":"x","raw":"/wE=","state":"PAID","lines":[{"sku":"a","count":2}],)"
      R"("time":"2026-11-24T06:00:00Z","next":{"id":"8"}})";
  EXPECT_EQ(Error(*schema, kJson, good), "");
  EXPECT_EQ(*schema->ToJson(kJson, R"({"id":"7","time":"2026-11-24T06:00:00Z","raw":"/wE="})"),
            R"({"id":"7","note":"","raw":"/wE=","state":"NEW","lines":[],)"
            R"("time":"2026-11-24T06:00:00Z"})");
  EXPECT_EQ(Error(*schema, kJson, "{}"), "");
  EXPECT_NE(Error(*schema, kJson, R"({"zz":1})").find("zz"), std::string::npos);
  EXPECT_NE(Error(*schema, kJson, R"({"id":"x"})").find("id"), std::string::npos);
  EXPECT_NE(Error(*schema, kJson, R"({"state":"OLD"})").find("state"), std::string::npos);
  EXPECT_NE(Error(*schema, kJson, R"({"lines":[{"count":"q"}]})").find("lines[0].count"),
            std::string::npos);
  for (const char* broken : {"nope", "{", "[]", "{\"note\":\"\xff\"}", "{} {}"}) {
    EXPECT_NE(Error(*schema, kJson, broken), "") << broken;
  }
}

TEST(ProtobufBinary, FieldsAreChecked) {
  auto schema = Compile(kOrder);
  EXPECT_EQ(Error(*schema, kBinary, "\x08\x07\x12\x01x"), "");
  EXPECT_EQ(Error(*schema, kBinary, ""), "");
  EXPECT_EQ(Error(*schema, kBinary, "\x08"), "the data is not a message shop.Order");
  EXPECT_EQ(Error(*schema, kBinary, "\x12\x01\xff"), "the data is not a message shop.Order");
  EXPECT_EQ(Error(*schema, kBinary, "\x78\x01"),
            "field number 15: is not in the message shop.Order");
  EXPECT_EQ(Error(*schema, kBinary, "\x2a\x02\x78\x01"),
            "field lines.number 15: is not in the message shop.Order");
  auto required = Compile("message A { required string a = 1; optional A n = 2; }");
  EXPECT_EQ(Error(*required, kBinary, ""), "field \"a\": is required");
  EXPECT_EQ(Error(*required, kJson, R"({"a":"x","n":{}})"), "(n): missing field a");
}

TEST(ProtobufData, DeepDataIsRefused) {
  auto schema = Compile(kOrder);
  std::string json = "{}";
  for (int i = 0; i < 5000; ++i) json = Concat(R"({"next":)", json, "}");
  EXPECT_NE(Error(*schema, kJson, json), "");
  std::string binary;
  for (int i = 0; i < 20'000 && binary.size() < 2'000'000; ++i) {
    std::string size;
    for (size_t left = binary.size(); size.empty() || left > 0; left >>= 7) {
      size.push_back(static_cast<char>((left & 0x7f) | (left >= 0x80 ? 0x80 : 0)));
    }
    binary = Concat("\x3a", size, binary);
  }
  EXPECT_NE(Error(*schema, kBinary, binary), "");
}

std::string Revises(std::string_view later, std::string_view earlier) {
  auto compile = [](std::string_view fields) {
    return Compile(Concat("syntax = \"proto3\"; message A {", fields, "}"));
  };
  return std::string(compile(later)->CheckRevises(*compile(earlier)).message());
}

TEST(ProtobufRevision, OnlyOptionalFieldsMayComeAndGo) {
  EXPECT_EQ(Revises("string a = 1; int32 b = 2;", "string a = 1;"), "");
  EXPECT_EQ(Revises("string a = 1;", "string a = 1; int32 b = 2;"), "");
  EXPECT_EQ(Revises("int32 a = 1;", "string a = 1;"),
            "field \"A.a\": an existing field cannot be changed");
  EXPECT_EQ(Revises("string b = 1;", "string a = 1;"), "field \"A.a\": was renamed to b");
  EXPECT_EQ(Revises("string a = 2;", "string a = 1;"),
            "field \"A.a\": a field's number cannot be changed");
  EXPECT_EQ(Revises("repeated string a = 1;", ""),
            "field \"A.a\": only optional fields can be added");
  EXPECT_EQ(Revises("message B { int64 x = 1; } B b = 1;", "message B { int32 x = 1; } B b = 1;"),
            "field \"A.B.x\": an existing field cannot be changed");
  EXPECT_EQ(Revises("A a = 1;", "A a = 1;"), "");
}

TEST(ProtobufData, BrokenBytesNeverDoHarm) {
  std::mt19937 random(TestSeed());
  auto schema = Compile(kOrder);
  const std::string good("\x08\x07\x12\x01x\x2a\x05\x0a\x01y\x10\x02\x3a\x02\x08\x01", 16);
  const std::string json = R"({"id":"7","note":"x","lines":[{"sku":"a","count":2}]})";
  int refused = 0;
  for (int round = 0; round < 10'000; ++round) {
    bool binary = round % 2 == 0;
    std::string data = binary ? good : json;
    for (int changes = static_cast<int>(random() % 4); changes >= 0; --changes) {
      data[random() % data.size()] = static_cast<char>(random());
    }
    if (!schema->ToJson(binary ? kBinary : kJson, data).ok()) ++refused;
    std::string definition = kOrder;
    definition[random() % definition.size()] = static_cast<char>(random());
    if (round % 20 == 0) (void)MessageSchema::Compile(SchemaLanguage::kProtobuf, definition);
  }
  EXPECT_GT(refused, 5'000);
}

}  // namespace
}  // namespace afluente::schema
