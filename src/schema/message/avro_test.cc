#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "schema/message/message_schema.h"
#include "schema/test_seed.h"
#include "schema/text.h"

namespace afluente::schema {
namespace {

using enum MessageEncoding;

std::unique_ptr<MessageSchema> Compile(std::string_view definition) {
  auto schema = MessageSchema::Compile(SchemaLanguage::kAvro, definition);
  EXPECT_TRUE(schema.ok()) << schema.status();
  return schema.ok() ? *std::move(schema) : nullptr;
}

std::string CompileError(std::string_view definition) {
  return std::string(MessageSchema::Compile(SchemaLanguage::kAvro, definition).status().message());
}

std::string Error(const MessageSchema& schema, MessageEncoding encoding, std::string_view data) {
  absl::Status status = schema.Validate(encoding, data);
  EXPECT_TRUE(status.ok() || absl::IsInvalidArgument(status));
  // ToJson checks as Validate does.
  EXPECT_EQ(schema.ToJson(encoding, data).status(), status);
  return std::string(status.message());
}

std::string Json(const MessageSchema& schema, MessageEncoding encoding, std::string_view data) {
  absl::StatusOr<std::string> json = schema.ToJson(encoding, data);
  return json.ok() ? *json : std::string(json.status().message());
}

std::string Record(std::string_view fields) {
  return Concat(R"({"type":"record","name":"R","fields":[)", fields, "]}");
}
std::string OneField(std::string_view type) {
  return Record(Concat(R"({"name":"f","type":)", type, "}"));
}

constexpr char kOrder[] = R"({"type":"record","name":"Order","namespace":"shop","fields":[
  {"name":"id","type":"long"},
  {"name":"note","type":["null","string"],"default":null},
  {"name":"lines","type":{"type":"array","items":{"type":"record","name":"Line","fields":[
     {"name":"sku","type":"string"},{"name":"count","type":"int"}]}}},
  {"name":"state","type":{"type":"enum","name":"State","symbols":["NEW","PAID"]}},
  {"name":"raw","type":"bytes"},
  {"name":"next","type":["null","Line"],"default":null}]})";

TEST(AvroDefinition, ErrorsSayWhatIsWrongAndWhere) {
  EXPECT_EQ(CompileError(""),
            "not an Avro schema: not JSON: " + std::string("EMPTY: no JSON found"));
  EXPECT_EQ(CompileError(OneField(R"("strin")")),
            "not an Avro schema: field \"f\": unknown type \"strin\"");
  EXPECT_EQ(CompileError(Record(R"({"name":"a","type":"int"},{"name":"a","type":"int"})")),
            "not an Avro schema: field \"a\": occurs twice");
  EXPECT_EQ(CompileError(OneField(R"({"type":"enum","name":"E","symbols":["A","A"]})")),
            "not an Avro schema: field \"f\": enum E has A twice");
  EXPECT_EQ(CompileError(OneField(R"(["int",["null"]])")),
            "not an Avro schema: field \"f\": a union directly within a union");
  EXPECT_EQ(CompileError(OneField(R"(["int","int"])")),
            "not an Avro schema: field \"f\": a union with int twice");
  EXPECT_EQ(CompileError(Record(R"({"name":"a","type":"string","default":3})")),
            "not an Avro schema: the default of R.a does not fit: expected string, found a number");
  EXPECT_EQ(CompileError(Record(R"({"name":"a","type":["null","int"],"default":3})")),
            "not an Avro schema: the default of R.a does not fit: expected null, found a number");
  EXPECT_EQ(CompileError(R"({"type":"fixed","name":"F"})"),
            "not an Avro schema: fixed F without \"size\", a whole number");
  EXPECT_EQ(CompileError(R"({"type":"record","name":"9","fields":[]})"),
            "not an Avro schema: \"9\" is not a name");
  EXPECT_EQ(CompileError(std::string(300'001, ' ')),
            "the schema definition has 300001 bytes; the limit is 300000");
}

TEST(AvroDefinition, DeepOrHugeOnesAreRefusedWithoutHarm) {
  std::string deep;
  for (int i = 0; i < 40'000; ++i) deep += "[";
  EXPECT_NE(CompileError(deep), "");
  std::string arrays;
  for (int i = 0; i < 400; ++i) arrays += R"({"type":"array","items":)";
  EXPECT_NE(CompileError(arrays + "\"int\"" + std::string(400, '}')).find("nested more than"),
            std::string::npos);
  std::string types;
  for (int i = 0; i < 1000; ++i) types += R"({"type":)";
  EXPECT_NE(CompileError(types + "\"int\"" + std::string(1000, '}')), "");
}

TEST(AvroJson, FieldsAreCheckedAndNamed) {
  auto schema = Compile(kOrder);
  const std::string good =
      R"({"id":7,"note":{"string":"x"},"lines":[{"sku":"a","count":2}],"state":"PAID",)"
      R"("raw":"\u00ff\u0001","next":{"shop.Line":{"sku":"b","count":1}},"more":1})";
  EXPECT_EQ(Error(*schema, kJson, good), "");
  EXPECT_EQ(Json(*schema, kJson, good),
            R"({"id":7,"note":"x","lines":[{"sku":"a","count":2}],"state":"PAID",)"
            R"("raw":"/wE=","next":{"sku":"b","count":1}})");
  auto with = [](std::string_view field, std::string_view value) {
    std::string text = R"({"id":7,"note":null,"lines":[],"state":"NEW","raw":"","next":null})";
    size_t start = text.find(Concat("\"", field, "\":")) + field.size() + 3;
    size_t end = text.find_first_of(",}", start);
    return text.replace(start, end - start, value);
  };
  EXPECT_EQ(Error(*schema, kJson, with("id", "8")), "");
  EXPECT_EQ(Error(*schema, kJson, with("id", "\"8\"")),
            "field \"id\": expected long, found the string \"8\"");
  EXPECT_EQ(Error(*schema, kJson, with("id", "1.5")),
            "field \"id\": expected long, found a number");
  EXPECT_EQ(Error(*schema, kJson, with("note", "\"bare\"")),
            "field \"note\": expected one of the union (null, {\"string\": ...}), found the string "
            "\"bare\"");
  EXPECT_EQ(Error(*schema, kJson, with("lines", R"([{"sku":"a","count":99999999999}])")),
            "field \"lines[0].count\": expected int, found 99999999999");
  EXPECT_EQ(Error(*schema, kJson, with("lines", R"([{"sku":"a"}])")),
            "field \"lines[0].count\": is missing");
  EXPECT_EQ(Error(*schema, kJson, with("state", "\"OLD\"")),
            "field \"state\": the enum shop.State has no symbol \"OLD\"");
  EXPECT_NE(Error(*schema, kJson, with("raw", "\"\\u0100\"")).find("field \"raw\""),
            std::string::npos);
  EXPECT_EQ(Error(*schema, kJson, R"({"id":1,"id":2})"), "field \"id\": occurs twice");
  EXPECT_EQ(Error(*schema, kJson, R"({})"), "field \"id\": is missing");
  EXPECT_EQ(Error(*schema, kJson, "[]"), "expected shop.Order, found an array");
  for (const char* broken : {"", "nope", "{", "\"\xff\"", "{} {}"}) {
    EXPECT_EQ(Error(*schema, kJson, broken).substr(0, 8), "not JSON") << broken;
  }
}

TEST(AvroBinary, FieldsAreCheckedAndNamed) {
  auto schema = Compile(kOrder);
  // id 7; note "x"; one line; PAID; 2 bytes; no next.
  const std::string good(
      "\x0e\x02\x02x\x02\x02"
      "a\x04\x00\x02\x04\xff\x01\x00",
      14);
  EXPECT_EQ(Error(*schema, kBinary, good), "");
  EXPECT_EQ(Json(*schema, kBinary, good),
            R"({"id":7,"note":"x","lines":[{"sku":"a","count":2}],"state":"PAID",)"
            R"("raw":"/wE=","next":null})");
  EXPECT_EQ(Error(*schema, kBinary, good + "z"), "too much data for the schema");
  // Each shorter message is refused and names a field.
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_EQ(Error(*schema, kBinary, good.substr(0, size)).substr(0, 7), "field \"") << size;
  }
  EXPECT_EQ(Error(*schema, kBinary, "\x0e\x08"),
            "field \"note\": the union has no branch number 4");
}

TEST(AvroBinary, ABlockMayGiveItsSize) {
  auto schema = Compile(OneField(R"({"type":"array","items":"int"})"));
  EXPECT_EQ(Json(*schema, kBinary, std::string("\x03\x04\x02\x04\x02\x06\x00", 7)),
            R"({"f":[1,2,3]})");
}

TEST(AvroBinary, FewBytesDoNotStandForEndlessWork) {
  auto nulls = Compile(OneField(R"({"type":"array","items":"null"})"));
  EXPECT_EQ(Error(*nulls, kBinary, std::string("\x80\x80\x80\x80\x80\x80\x80\x10\x00", 9)),
            "field \"f[1000007]\": too many values for its size");
  auto bytes = Compile(OneField("\"bytes\""));
  EXPECT_EQ(Error(*bytes, kBinary, "\x80\x80\x80\x80\x80\x80\x80\x80\x40"),
            "field \"f\": the data ends within a bytes");
  // Each record holds two of the one before: 2^60 empty ones.
  std::string twice = R"({"type":"record","name":"R0","fields":[]})";
  for (int i = 1; i <= 60; ++i) {
    twice = Concat(R"({"type":"record","name":"R)", i, R"(","fields":[{"name":"a","type":)", twice,
                   R"(},{"name":"b","type":"R)", i - 1, R"("}]})");
  }
  EXPECT_NE(Error(*Compile(twice), kBinary, "").find("too many values"), std::string::npos);
  std::string name(100'000, 'n');
  auto large = Compile(Concat(R"({"type":"array","items":)",
                              Record(Concat(R"({"name":")", name, R"(","type":"null"})")), "}"));
  EXPECT_TRUE(large->Validate(kBinary, std::string("\x80\xea\x30\x00", 4)).ok());
  EXPECT_NE(
      large->ToJson(kBinary, std::string("\x80\xea\x30\x00", 4)).status().message().find("as JSON"),
      std::string::npos);
}

TEST(AvroData, DeepDataIsRefused) {
  auto list =
      Compile(R"({"type":"record","name":"N","fields":[{"name":"n","type":["null","N"]}]})");
  std::string json = R"({"n":null})";
  for (int i = 0; i < 50; ++i) json = Concat(R"({"n":{"N":)", json, "}}");
  EXPECT_EQ(Error(*list, kJson, json), "");
  EXPECT_EQ(Error(*list, kBinary, std::string(50, '\x02') + std::string(1, '\0')), "");
  EXPECT_NE(Error(*list, kBinary, std::string(2'000'000, '\x02')).find("nested more than"),
            std::string::npos);
  for (int i = 0; i < 300; ++i) json = Concat(R"({"n":{"N":)", json, "}}");
  EXPECT_NE(Error(*list, kJson, json).find("nested more than"), std::string::npos);
  auto endless = Compile(R"({"type":"record","name":"N","fields":[{"name":"n","type":"N"}]})");
  EXPECT_NE(Error(*endless, kBinary, ""), "");
}

TEST(AvroData, LogicalTypesAreWrittenForTables) {
  auto json = [](std::string_view type, std::string_view value) {
    return Json(*Compile(OneField(type)), kJson, Concat(R"({"f":)", value, "}"));
  };
  EXPECT_EQ(json(R"({"type":"int","logicalType":"date"})", "15736"), R"({"f":"2013-01-31"})");
  EXPECT_EQ(json(R"({"type":"long","logicalType":"timestamp-millis"})", "1500"),
            R"({"f":"1970-01-01T00:00:01.500Z"})");
  EXPECT_EQ(json(R"({"type":"long","logicalType":"time-micros"})", "1"),
            R"({"f":"00:00:00.000001"})");
  EXPECT_EQ(json(R"({"type":"bytes","logicalType":"decimal","precision":5,"scale":2})",
                 "\"\\u0004\\u00d2\""),
            R"({"f":12.34})");
  EXPECT_EQ(
      json(R"({"type":"bytes","logicalType":"decimal","precision":5,"scale":2})", "\"\\u00ff\""),
      R"({"f":-0.01})");
  EXPECT_EQ(json(R"({"type":"long","logicalType":"timestamp-millis"})", "9223372036854775807"),
            R"({"f":9223372036854775807})");
}

std::string Revises(std::string_view later, std::string_view earlier) {
  return std::string(Compile(later)->CheckRevises(*Compile(earlier)).message());
}

TEST(AvroRevision, BothAreReaderAndWriter) {
  const std::string one = Record(R"({"name":"a","type":"string"})");
  const std::string optional =
      Record(R"({"name":"a","type":"string"},{"name":"b","type":"int","default":1})");
  const std::string required = Record(R"({"name":"a","type":"string"},{"name":"b","type":"int"})");
  EXPECT_EQ(Revises(optional, one), "");
  EXPECT_EQ(Revises(one, optional), "");
  EXPECT_EQ(Revises(required, one), "field \"b\": is in one revision only and has no default");
  EXPECT_EQ(Revises(one, required), "field \"b\": is in one revision only and has no default");
  EXPECT_EQ(Revises(OneField("\"long\""), OneField("\"int\"")),
            "field \"f\": a long cannot be read as a int");
  EXPECT_EQ(Revises(OneField("\"bytes\""), OneField("\"string\"")), "");
  EXPECT_EQ(Revises(OneField(R"(["null","int"])"), OneField(R"(["int","null"])")), "");
  EXPECT_NE(Revises(OneField(R"(["null","int"])"), OneField(R"(["null"])")), "");
  const std::string list =
      R"({"type":"record","name":"N","fields":[{"name":"n","type":["null","N"]}]})";
  EXPECT_EQ(Revises(list, list), "");
  EXPECT_NE(Revises(list, one), "");
}

TEST(AvroData, BrokenBytesNeverDoHarm) {
  std::mt19937 random(TestSeed());
  auto schema = Compile(kOrder);
  const std::string good(
      "\x0e\x02\x02x\x02\x02"
      "a\x04\x00\x02\x04\xff\x01\x00",
      14);
  const std::string json = R"({"id":7,"note":null,"lines":[],"state":"NEW","raw":"","next":null})";
  int refused = 0;
  for (int round = 0; round < 20'000; ++round) {
    bool binary = round % 2 == 0;
    std::string data = binary ? good : json;
    for (int changes = static_cast<int>(random() % 4); changes >= 0; --changes) {
      data[random() % data.size()] = static_cast<char>(random());
    }
    if (!schema->ToJson(binary ? kBinary : kJson, data).ok()) ++refused;
    std::string definition = kOrder;
    definition[random() % definition.size()] = static_cast<char>(random());
    if (round % 20 == 0) (void)MessageSchema::Compile(SchemaLanguage::kAvro, definition);
  }
  EXPECT_GT(refused, 10'000);
}

}  // namespace
}  // namespace afluente::schema
