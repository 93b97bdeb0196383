#include "event/by_name.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <limits>
#include <random>
#include <string>

#include "schema/json_text.h"
#include "schema/test_seed.h"
#include "schema/text.h"

namespace afluente::event {
namespace {

using schema::Column;
using schema::Mode;
using schema::Value;
using testing::HasSubstr;

Column MakeColumn(std::string name, std::string_view type, Mode mode = Mode::kNullable) {
  return Column{std::move(name), *schema::ParseType(type), mode, ""};
}

// One column "v" of a type.
absl::StatusOr<Value> DecodeOne(std::string_view type, std::string_view json_value) {
  ByNameDecoder decoder({MakeColumn("v", type)}, UnknownFields::kReject);
  auto row = decoder.Decode(schema::Concat("{\"v\": ", json_value, "}"));
  if (!row.ok()) return row.status();
  return row->at(0);
}

std::string ErrorOf(std::string_view type, std::string_view json_value) {
  auto value = DecodeOne(type, json_value);
  EXPECT_FALSE(value.ok()) << type << " accepted " << json_value;
  return std::string(value.status().message());
}

Value Text(std::string text) { return Value(std::move(text)); }
Value Int(int64_t value) { return Value(value); }

TEST(ByName, Integers) {
  EXPECT_EQ(*DecodeOne("INT64", "42"), Int(42));
  EXPECT_EQ(*DecodeOne("INT64", "-9223372036854775808"), Int(std::numeric_limits<int64_t>::min()));
  EXPECT_EQ(*DecodeOne("INT64", "\"9223372036854775807\""),
            Int(std::numeric_limits<int64_t>::max()));
  EXPECT_EQ(*DecodeOne("INT64", "5.0"), Int(5));
  EXPECT_EQ(*DecodeOne("INT64", "1.2e3"), Int(1200));
  EXPECT_EQ(ErrorOf("INT64", "1.5"), "$.v: expected INT64, found number 1.5");
  EXPECT_EQ(ErrorOf("INT64", "9223372036854775808"),
            "$.v: expected INT64, found number 9223372036854775808");
  EXPECT_EQ(ErrorOf("INT64", "\"NA\""), "$.v: expected INT64, found string \"NA\"");
  EXPECT_EQ(ErrorOf("INT64", "\"\""), "$.v: expected INT64, found string \"\"");
  EXPECT_EQ(ErrorOf("INT64", "true"), "$.v: expected INT64, found true");
  EXPECT_EQ(ErrorOf("INT64", "[1]"), "$.v: expected INT64, found an array");
  EXPECT_EQ(ErrorOf("INT64", "{}"), "$.v: expected INT64, found an object");
  for (const char* bad : {"01", "+1", "-", "1.", "1e", "0x10", "1x", "--1", "1 2", "NaN"}) {
    EXPECT_THAT(ErrorOf("INT64", bad), HasSubstr("malformed JSON")) << bad;
  }
}

TEST(ByName, FloatsBoolsAndStrings) {
  EXPECT_EQ(*DecodeOne("FLOAT64", "1"), Value(1.0));
  EXPECT_EQ(*DecodeOne("FLOAT64", "\"10.357\""), Value(10.357));
  EXPECT_TRUE(std::isnan(std::get<double>(DecodeOne("FLOAT64", "\"NaN\"")->data)));
  EXPECT_EQ(*DecodeOne("FLOAT64", "\"-Infinity\""),
            Value(-std::numeric_limits<double>::infinity()));
  ErrorOf("FLOAT64", "1e400");
  EXPECT_EQ(*DecodeOne("BOOL", "true"), Value(true));
  EXPECT_EQ(*DecodeOne("BOOL", "\"False\""), Value(false));
  ErrorOf("BOOL", "1");
  ErrorOf("BOOL", "\"yes\"");
  EXPECT_EQ(*DecodeOne("STRING", R"("a\u00f1\n\ud83d\ude00")"), Text("añ\n😀"));
  EXPECT_EQ(*DecodeOne("STRING", "1.50"), Text("1.50"));
  EXPECT_EQ(*DecodeOne("STRING", "false"), Text("false"));
  EXPECT_EQ(*DecodeOne("STRING", "\"\""), Text(""));
  ErrorOf("STRING", "[]");
  ErrorOf("STRING", "{\"a\":1}");
  EXPECT_THAT(ErrorOf("STRING", R"("\ud83d")"), HasSubstr("malformed"));
  EXPECT_THAT(ErrorOf("STRING", R"("\q")"), HasSubstr("malformed"));
  EXPECT_THAT(ErrorOf("STRING", "\"a\nb\""), HasSubstr("malformed"));
  EXPECT_EQ(*DecodeOne("BYTES", "\"aGk=\""), Text("hi"));
  ErrorOf("BYTES", "\"a\"");
  ErrorOf("BYTES", "5");
}

TEST(ByName, DecimalsKeepAllDigits) {
  EXPECT_EQ(*DecodeOne("NUMERIC", "12345678901234567890123456789.123456789"),
            Text("12345678901234567890123456789.123456789"));
  EXPECT_EQ(*DecodeOne("BIGNUMERIC", "0.12345678901234567890123456789012345678"),
            Text("0.12345678901234567890123456789012345678"));
  EXPECT_EQ(*DecodeOne("NUMERIC", "\"1.50\""), Text("1.5"));
  EXPECT_EQ(*DecodeOne("NUMERIC", "1e2"), Text("100"));
  ErrorOf("NUMERIC", "1e30");
  ErrorOf("NUMERIC", "\"NaN\"");
}

TEST(ByName, DatesAndTimes) {
  EXPECT_EQ(*DecodeOne("DATE", "\"2013-01-01\""), Int(15706));
  EXPECT_EQ(*DecodeOne("TIME", "\"01:02:03.5\""), Int(3723500000));
  EXPECT_EQ(*DecodeOne("DATETIME", "\"2013-01-01T00:00:01\""), Int(1356998401000000));
  EXPECT_EQ(*DecodeOne("TIMESTAMP", "\"2013-01-01T10:00:00Z\""), Int(1357034400000000));
  EXPECT_EQ(*DecodeOne("TIMESTAMP", "\"2013/01/01 10:00:00 UTC\""), Int(1357034400000000));
  EXPECT_EQ(*DecodeOne("TIMESTAMP", "1357034400"), Int(1357034400000000));
  EXPECT_EQ(*DecodeOne("TIMESTAMP", "1357034400.000001"), Int(1357034400000001));
  EXPECT_EQ(*DecodeOne("TIMESTAMP", "-0.0000015"), Int(-2));
  EXPECT_EQ(*DecodeOne("TIMESTAMP", "1.3570344e9"), Int(1357034400000000));
  EXPECT_EQ(*DecodeOne("TIMESTAMP", "\"1357034400.5\""), Int(1357034400500000));
  ErrorOf("TIMESTAMP", "253402300800");
  ErrorOf("TIMESTAMP", "1e300");
  ErrorOf("TIMESTAMP", "\"2013-01-01T10:00:00 Mars\"");
  ErrorOf("TIMESTAMP", "\"\"");
  ErrorOf("DATE", "20130101");
  ErrorOf("DATE", "\"2013-02-30\"");
}

TEST(ByName, JsonKeepsItsText) {
  EXPECT_EQ(*DecodeOne("JSON", "{\"a\" : [1.50, null]} "), Text("{\"a\" : [1.50, null]}"));
  EXPECT_EQ(*DecodeOne("JSON", "\"{}\""), Text("\"{}\""));
  EXPECT_EQ(*DecodeOne("JSON", "1e999"), Text("1e999"));
  EXPECT_EQ(*DecodeOne("JSON", "true"), Text("true"));
  EXPECT_EQ(*DecodeOne("JSON", "null"), Value());
  for (const char* bad : {"{\"a\":}", "[1,]", "[01]", "[tru]", "{a:1}", "[\"\\q\"]", "[1 2]"}) {
    EXPECT_THAT(ErrorOf("JSON", bad), HasSubstr("malformed JSON")) << bad;
  }
  std::string deep = std::string(501, '[') + std::string(501, ']');
  EXPECT_THAT(ErrorOf("JSON", deep), HasSubstr("at byte 505"));
}

TEST(ByName, ArraysAndStructs) {
  EXPECT_EQ(*DecodeOne("ARRAY<INT64>", "[1, \"2\"]"), Value(Value::List{Int(1), Int(2)}));
  EXPECT_EQ(*DecodeOne("ARRAY<INT64>", "[]"), Value(Value::List{}));
  EXPECT_EQ(*DecodeOne("ARRAY<INT64>", "null"), Value(Value::List{}));
  EXPECT_EQ(ErrorOf("ARRAY<INT64>", "[1, null]"),
            "$.v[1]: expected INT64, found null (an ARRAY holds no NULL)");
  EXPECT_EQ(ErrorOf("ARRAY<INT64>", "1"), "$.v: expected ARRAY<INT64>, found a number");
  EXPECT_EQ(*DecodeOne("STRUCT<a INT64, b STRING>", "{\"B\": \"x\"}"),
            Value(Value::List{Value(), Text("x")}));
  EXPECT_EQ(*DecodeOne("STRUCT<a INT64>", "null"), Value());
  EXPECT_EQ(*DecodeOne("ARRAY<STRUCT<a INT64>>", "[{\"a\":1},{\"a\":2},{}]"),
            Value(Value::List{Value(Value::List{Int(1)}), Value(Value::List{Int(2)}),
                              Value(Value::List{Value()})}));
  EXPECT_EQ(ErrorOf("ARRAY<STRUCT<a STRUCT<b INT64>>>", "[{}, {\"a\": {\"b\": \"x\"}}]"),
            "$.v[1].a.b: expected INT64, found string \"x\"");
  EXPECT_EQ(ErrorOf("STRUCT<a INT64>", "{\"c\": 1}"),
            "$.v.c: unknown field: there is no such column");
  EXPECT_EQ(ErrorOf("STRUCT<a INT64>", "{\"a\": 1, \"A\": 1}"), "$.v.A: the field occurs twice");
  EXPECT_THAT(ErrorOf("STRUCT<a INT64>", "[]"), HasSubstr("found an array"));
}

TEST(ByName, NamesModesAndUnknownFields) {
  std::vector<Column> columns = {MakeColumn("App_Id", "INT64", Mode::kRequired),
                                 MakeColumn("note", "STRING"), MakeColumn("tags", "ARRAY<STRING>")};
  ByNameDecoder strict(columns, UnknownFields::kReject);
  ByNameDecoder lax(columns, UnknownFields::kIgnore);
  auto row = strict.Decode(R"({"NOTE":null,"app_id":"7"})");
  ASSERT_TRUE(row.ok()) << row.status();
  EXPECT_THAT(*row, testing::ElementsAre(Int(7), Value(), Value(Value::List{})));
  EXPECT_EQ(*lax.Decode(R"({"x":{"y":[1]},"app\u005fid":7,"z":null})"),
            (std::vector<Value>{Int(7), Value(), Value(Value::List{})}));
  auto message = [](ByNameDecoder& decoder, std::string_view json) {
    auto result = decoder.Decode(json);
    EXPECT_FALSE(result.ok()) << json;
    EXPECT_EQ(result.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(result.status().message());
  };
  EXPECT_EQ(message(strict, "{}"), "$.App_Id: the REQUIRED field is missing (expected INT64)");
  EXPECT_EQ(message(strict, R"({"app_id":null})"),
            "$.App_Id: expected INT64 (REQUIRED), found null");
  EXPECT_EQ(message(strict, R"({"app_id":1,"x y":2})"),
            "$[\"x y\"]: unknown field: there is no such column");
  EXPECT_EQ(message(strict, R"({"app_id":1,"APP_ID":2})"), "$.APP_ID: the field occurs twice");
  EXPECT_THAT(message(lax, R"({"app_id":1,"x":[1,}})"), HasSubstr("malformed"));
  // The decoder works on after each failure.
  EXPECT_TRUE(strict.Decode(R"({"app_id":1})").ok());
}

TEST(ByName, RefusesWhatIsNotOneObject) {
  ByNameDecoder decoder({MakeColumn("a", "INT64")}, UnknownFields::kIgnore);
  for (std::string_view bad : {std::string_view(""),
                               std::string_view(" "),
                               std::string_view("1"),
                               std::string_view("[]"),
                               std::string_view("null"),
                               std::string_view("\"a\""),
                               std::string_view("{"),
                               std::string_view("}"),
                               std::string_view("{\"a\":1"),
                               std::string_view("{\"a\":1}}"),
                               std::string_view("{\"a\":1} {}"),
                               std::string_view("{\"a\":1},"),
                               std::string_view("{\"a\":1,}"),
                               std::string_view("{\"a\" 1}"),
                               std::string_view("{\"a\":1 \"b\":2}"),
                               std::string_view("{a:1}"),
                               std::string_view("{\"a\":1}\0", 8),
                               std::string_view("{\"x\":\"\xFF\"}"),
                               std::string_view("{\"\xED\xA0\x80\":1}"),
                               std::string_view("{\"a\":1} x"),
                               std::string_view("{\"a\":nul}"),
                               std::string_view("{\"x\":nulll}"),
                               std::string_view("{\"x\":'a'}"),
                               std::string_view("\0", 1)}) {
    EXPECT_FALSE(decoder.Decode(bad).ok()) << bad;
  }
  EXPECT_TRUE(decoder.Decode(" {\"a\":1} \r\n").ok());
  EXPECT_FALSE(decoder.Decode(std::string(2'000'000, '[')).ok());
  std::string nested;
  for (int i = 0; i < 100'000; ++i) nested += "{\"a\":";
  EXPECT_FALSE(decoder.Decode(nested).ok());
  EXPECT_TRUE(decoder.Decode("{}").ok());
  EXPECT_EQ(decoder.Decode("{\"a\":1,}").status().message(),
            "$: malformed JSON, or over 500 levels deep, at byte 7");
}

// The decoder must accept exactly the objects that our own checker calls JSON.
TEST(ByName, AgreesWithTheJsonCheckerOnMutations) {
  std::mt19937 random(schema::TestSeed());
  ByNameDecoder decoder({}, UnknownFields::kIgnore);
  const std::string base =
      R"({"a":1,"b":[true,null,-2.5e3,"x\u00e9\n"],"c":{"d":{}, "e":"ñ"} , "f":false})";
  const std::string_view alphabet = "{}[]\",:0123456789eE+-.tfnaul\\ \n\x01\xFF\xC3";
  int valid = 0;
  for (int i = 0; i < 30'000; ++i) {
    std::string text = base;
    for (size_t n = 1 + random() % 3; n > 0; --n) {
      size_t at = random() % text.size();
      switch (random() % 3) {
        case 0:
          text[at] = alphabet[random() % alphabet.size()];
          break;
        case 1:
          text.erase(at, 1);
          break;
        default:
          text.insert(at, 1, alphabet[random() % alphabet.size()]);
      }
    }
    bool expected = schema::IsJson(text) && schema::StripSpace(text).front() == '{';
    auto row = decoder.Decode(text);
    valid += expected ? 1 : 0;
    ASSERT_EQ(row.ok(), expected) << text << "\n" << row.status();
  }
  EXPECT_GT(valid, 1000);
}

TEST(ByName, DecodesSmallRowsFast) {
  ByNameDecoder decoder(
      {MakeColumn("app_id", "INT64", Mode::kRequired), MakeColumn("app_department", "STRING"),
       MakeColumn("action_id", "INT64"), MakeColumn("department_id", "INT64"),
       MakeColumn("user_email", "STRING"), MakeColumn("at", "TIMESTAMP")},
      UnknownFields::kReject);
  const std::string message =
      R"({"app_id": 123456, "app_department": "engineering-tools", "action_id": 42, )"
      R"("department_id": 7, "user_email": "someone.long@enterprise.example", )"
      R"("at": "2013-01-01T10:00:00Z"})";
  constexpr int kRows = 100'000;
  auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < kRows; ++i) ASSERT_TRUE(decoder.Decode(message).ok());
  std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  std::printf("%zu bytes, %.0f rows/s\n", message.size(), kRows / took.count());
}

}  // namespace
}  // namespace afluente::event
