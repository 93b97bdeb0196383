// Plays seeds in the fuzz entry, as they are and changed at random.
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "schema/message/message_schema_fuzz_entry.h"
#include "schema/test_seed.h"

namespace afluente::schema {
namespace {

using enum SchemaLanguage;
using enum MessageEncoding;

std::vector<std::string> Seeds() {
  constexpr char kAll[] = R"({"type":"record","name":"R","fields":[
    {"name":"a","type":["null","string","long"],"default":null},
    {"name":"b","type":{"type":"array","items":{"type":"map","values":"int"}}},
    {"name":"c","type":{"type":"enum","name":"E","symbols":["X","Y"],"default":"X"}},
    {"name":"d","type":{"type":"fixed","name":"F","size":2}},
    {"name":"e","type":{"type":"bytes","logicalType":"decimal","precision":4,"scale":2}},
    {"name":"f","type":{"type":"long","logicalType":"timestamp-micros"}},
    {"name":"g","type":"double"},{"name":"h","type":["null","R"]}]})";
  constexpr char kList[] =
      R"({"type":"record","name":"N","fields":[{"name":"n","type":["null","N"]}]})";
  constexpr char kProto[] = R"(syntax = "proto3"; import "google/protobuf/any.proto";
    message M { map<string, M> m = 1; oneof o { string s = 2; bytes b = 3; } repeated double d = 4;
      google.protobuf.Any any = 5; E e = 6; enum E { A = 0; } })";
  constexpr char kProto2[] =
      "message M { required group G = 1 { optional int32 a = 1 [default = 5]; } }";
  return {
      MakeFuzzInput(kAvro, kJson, kAll,
                    R"({"a":{"long":5},"b":[{"k":1}],"c":"Y","d":"\u00ff\u0000","e":"\u0001",)"
                    R"("f":1500,"g":1.5,"h":null})"),
      MakeFuzzInput(kAvro, kBinary, kAll,
                    std::string("\x02\x02x\x02\x02\x02k\x02\x00\x00\x00"
                                "ab\x02\x01\x08\0\0\0\0\0\0\xf8\x3f\x00",
                                25)),
      MakeFuzzInput(kAvro, kBinary, kList, std::string("\x02\x02\x02\x00", 4)),
      MakeFuzzInput(kProtobuf, kJson, kProto,
                    R"({"m":{"k":{"s":"x"}},"d":[1,"NaN"],"e":"A","b":"AA=="})"),
      MakeFuzzInput(kProtobuf, kBinary, kProto, "\x12\x01x\x0a\x05\x0a\x01k\x12\x00"),
      MakeFuzzInput(kProtobuf, kBinary, kProto2, "\x0b\x08\x05\x0c"),
  };
}

TEST(MessageSchemaFuzz, ChangedSeedsDoNoHarm) {
  std::mt19937 random(TestSeed());
  std::vector<std::string> seeds = Seeds();
  int accepted = 0;
  for (const std::string& seed : seeds) accepted += ReadArbitraryMessage(seed).ok() ? 1 : 0;
  EXPECT_GE(accepted, 4) << "the seeds must reach the readers";
  for (int round = 0; round < 6000; ++round) {
    std::string input = seeds[random() % seeds.size()];
    for (int changes = static_cast<int>(random() % 5); changes >= 0; --changes) {
      size_t at = random() % input.size();
      switch (random() % 4) {
        case 0:
          input[at] = static_cast<char>(random());
          break;
        case 1:
          input.erase(at, 1 + random() % 8);
          break;
        case 2:
          input.insert(at, input.substr(random() % input.size(), random() % 40));
          break;
        default:
          input[at] = "{}[]\",:0\x7f\xff"[random() % 10];
      }
      if (input.empty()) input = "x";
    }
    (void)ReadArbitraryMessage(input);
  }
}

}  // namespace
}  // namespace afluente::schema
