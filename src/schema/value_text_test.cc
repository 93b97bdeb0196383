#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <string>

#include "schema/civil_time.h"
#include "schema/decimal.h"
#include "schema/format_value.h"
#include "schema/json_text.h"
#include "schema/parse_value.h"
#include "schema/test_seed.h"
#include "schema/utf8.h"

namespace afluente::schema {
namespace {

TEST(ParseInt64, HoldsTheWholeRangeAndNothingElse) {
  EXPECT_EQ(ParseInt64("-9223372036854775808"), std::numeric_limits<int64_t>::min());
  EXPECT_EQ(ParseInt64("9223372036854775807"), std::numeric_limits<int64_t>::max());
  EXPECT_EQ(ParseInt64("+7"), 7);
  EXPECT_EQ(ParseInt64("-0x10"), -16);
  EXPECT_EQ(ParseInt64("0x7fffffffffffffff"), std::numeric_limits<int64_t>::max());
  EXPECT_EQ(ParseInt64("-0x8000000000000000"), std::numeric_limits<int64_t>::min());
  EXPECT_EQ(ParseInt64("007"), 7);
  for (const char* bad :
       {"", "-", "+", "+-1", "-+1", "1.0", "1e3", " 1", "1 ", "0x", "0x-1", "9223372036854775808",
        "-9223372036854775809", "0x8000000000000000", "NA", "１"}) {
    EXPECT_EQ(ParseInt64(bad), std::nullopt) << bad;
  }
}

TEST(ParseFloat64, KnowsSpecialSpellings) {
  EXPECT_TRUE(std::isnan(*ParseFloat64("NaN")));
  EXPECT_TRUE(std::isnan(*ParseFloat64("-nan")));
  EXPECT_EQ(ParseFloat64("Infinity"), std::numeric_limits<double>::infinity());
  EXPECT_EQ(ParseFloat64("-inf"), -std::numeric_limits<double>::infinity());
  EXPECT_EQ(ParseFloat64("+INF"), std::numeric_limits<double>::infinity());
  EXPECT_EQ(ParseFloat64("1.5e3"), 1500.0);
  EXPECT_EQ(ParseFloat64("-.5"), -0.5);
  EXPECT_EQ(ParseFloat64("5."), 5.0);
  EXPECT_EQ(ParseFloat64("1e-400"), 0.0);
  for (const char* bad : {"", ".", "-", "1e", "1e400", "-1e400", "nan(1)", "infin", "0x1p3", "1 ",
                          "1,5", "--1", "e5"}) {
    EXPECT_EQ(ParseFloat64(bad), std::nullopt) << bad;
  }
}

TEST(CanonicalDecimal, CanonicalisesAndRounds) {
  auto numeric = [](std::string_view t) { return CanonicalDecimal(TypeKind::kNumeric, t); };
  EXPECT_EQ(numeric("0"), "0");
  EXPECT_EQ(numeric("-0.000"), "0");
  EXPECT_EQ(numeric("00012.3400"), "12.34");
  EXPECT_EQ(numeric("+.5"), "0.5");
  EXPECT_EQ(numeric("5."), "5");
  EXPECT_EQ(numeric("1.5e3"), "1500");
  EXPECT_EQ(numeric("15E-1"), "1.5");
  EXPECT_EQ(numeric("1.0000000005"), "1.000000001");
  EXPECT_EQ(numeric("-1.0000000005"), "-1.000000001");
  EXPECT_EQ(numeric("0.0000000004"), "0");
  EXPECT_EQ(numeric("0.0000000005"), "0.000000001");
  EXPECT_EQ(numeric("0.00000000005"), "0");
  EXPECT_EQ(numeric("-0.0000000004"), "0");
  EXPECT_EQ(numeric("0.9999999999"), "1");
  EXPECT_EQ(numeric("99999999999999999999999999999.999999999"),
            "99999999999999999999999999999.999999999");
  EXPECT_EQ(numeric("1e-999999999999999999999999"), "0");
  for (const char* bad : {"", ".", "-", "1e", "1e+", "e1", "1.2.3", "NaN", "1 ", "0x1", "1e400",
                          "1e99999999999999999999", "99999999999999999999999999999.9999999995",
                          "100000000000000000000000000000"}) {
    EXPECT_EQ(numeric(bad), std::nullopt) << bad;
  }
}

TEST(CanonicalDecimal, BigNumericRangeIsTwoToThe255) {
  auto big = [](std::string_view t) { return CanonicalDecimal(TypeKind::kBigNumeric, t); };
  const std::string most =
      "578960446186580977117854925043439539266.34992332820282019728792003956564819967";
  const std::string least =
      "-578960446186580977117854925043439539266.34992332820282019728792003956564819968";
  EXPECT_EQ(big(most), most);
  EXPECT_EQ(big(least), least);
  EXPECT_EQ(big(least.substr(1)), std::nullopt);
  EXPECT_EQ(big("-578960446186580977117854925043439539266.34992332820282019728792003956564819969"),
            std::nullopt);
  EXPECT_EQ(big("1e-38"), "0.00000000000000000000000000000000000001");
}

TEST(CivilTime, ReadsGoogleSqlForms) {
  EXPECT_EQ(ParseDate("1970-01-01"), 0);
  EXPECT_EQ(ParseDate("2013-1-2"), 15707);
  EXPECT_EQ(ParseDate("0001-01-01"), -719162);
  EXPECT_EQ(ParseDate("9999-12-31"), 2932896);
  EXPECT_EQ(ParseDate("2000-02-29"), 11016);
  for (const char* bad : {"", "2013-02-29", "1900-02-29", "0000-01-01", "10000-01-01", "13-01-01",
                          "2013-13-01", "2013-00-01", "2013-01-00", "2013-01-32", "2013/01/01",
                          "2013-01-01 ", "20130101", "2013-01-01T00:00:00", "-2013-01-01"}) {
    EXPECT_EQ(ParseDate(bad), std::nullopt) << bad;
  }
  EXPECT_EQ(ParseTime("1:2:3.5"), 3723500000);
  EXPECT_EQ(ParseTime("23:59:59.999999"), 86399999999);
  for (const char* bad : {"24:00:00", "1:60:0", "1:0:60", "1:0", "1:0:0.1234567", "01:00:00Z"}) {
    EXPECT_EQ(ParseTime(bad), std::nullopt) << bad;
  }
  EXPECT_EQ(ParseDatetime("1970-01-01"), 0);
  EXPECT_EQ(ParseDatetime("1970-01-01t00:00:00.000001"), 1);
  EXPECT_EQ(ParseDatetime("1970-01-01 00:00:00Z"), std::nullopt);
}

TEST(CivilTime, TimestampsTakeOffsetsAndStayInRange) {
  EXPECT_EQ(ParseTimestamp("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(ParseTimestamp("1970-01-01 00:00:00"), 0);
  EXPECT_EQ(ParseTimestamp("1970-01-01 00:00:00 UTC"), 0);
  EXPECT_EQ(ParseTimestamp("1970-01-01"), 0);
  EXPECT_EQ(ParseTimestamp("1970-01-01T02:30:00+02:30"), 0);
  EXPECT_EQ(ParseTimestamp("1969-12-31 19:00:00-5"), 0);
  EXPECT_EQ(ParseTimestamp("1969-12-31 19:00:00.25 -05:00"), 250000);
  EXPECT_EQ(ParseTimestamp("9999-12-31T23:59:59.999999Z"), kMicrosMax);
  EXPECT_EQ(ParseTimestamp("0001-01-01T00:00:00Z"), kMicrosMin);
  for (const char* bad :
       {"", "Z", "1970-01-01T00:00:00UTC", "1970-01-01T00:00:00 PST", "1970-01-01T00:00:00+15:00",
        "1970-01-01T00:00:00+14:01", "1970-01-01T00:00:00ZZ", "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00", "1970-01-01T00:00:00.1234567Z", "1970-01-01 00:00", "NA"}) {
    EXPECT_EQ(ParseTimestamp(bad), std::nullopt) << bad;
  }
}

TEST(CivilTime, FormatsWhatItParses) {
  EXPECT_EQ(FormatDate(-719162), "0001-01-01");
  EXPECT_EQ(FormatDate(2932896), "9999-12-31");
  EXPECT_EQ(FormatTime(3723500000), "01:02:03.500");
  EXPECT_EQ(FormatTime(1), "00:00:00.000001");
  EXPECT_EQ(FormatDatetime(-1), "1969-12-31T23:59:59.999999");
  EXPECT_EQ(FormatTimestamp(250000), "1970-01-01 00:00:00.250+00");
  EXPECT_EQ(FormatRfc3339(0), "1970-01-01T00:00:00Z");
  EXPECT_EQ(FormatFloat64(0.1), "0.1");
  EXPECT_EQ(FormatFloat64(-std::numeric_limits<double>::infinity()), "-Infinity");

  std::mt19937_64 random(TestSeed());
  std::uniform_int_distribution<int64_t> any(kMicrosMin, kMicrosMax);
  for (int i = 0; i < 20'000; ++i) {
    int64_t micros = any(random);
    EXPECT_EQ(ParseTimestamp(FormatRfc3339(micros)), micros);
    EXPECT_EQ(ParseTimestamp(FormatTimestamp(micros)), micros);
    EXPECT_EQ(ParseDatetime(FormatDatetime(micros)), micros);
  }
}

TEST(ParseBase64, AcceptsBothAlphabetsAndChecksPadding) {
  EXPECT_EQ(ParseBase64(""), "");
  EXPECT_EQ(ParseBase64("aGk="), "hi");
  EXPECT_EQ(ParseBase64("aGk"), "hi");
  EXPECT_EQ(ParseBase64("-_8="), "\xFB\xFF");
  EXPECT_EQ(ParseBase64("+/8"), "\xFB\xFF");
  for (const char* bad : {"a", "aGk==", "=", "====", "aG k", "aGk\n", "aGkaGk=", "a===", "é"}) {
    EXPECT_EQ(ParseBase64(bad), std::nullopt) << bad;
  }
}

TEST(Utf8, RefusesWhatRfc3629Refuses) {
  EXPECT_TRUE(IsUtf8("plain ascii, longer than eight; ñ 漢 😀"));
  for (std::string_view bad : {"\x80", "\xC0\xAF", "\xC3", "\xE0\x9F\xBF", "\xED\xA0\x80",
                               "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "12345678\xFF"}) {
    EXPECT_FALSE(IsUtf8(bad));
  }
}

TEST(JsonText, ChecksTheGrammar) {
  for (const char* good : {"null", " {\"a\": [1, -2.5e+3, \"\\u00e9\\n\", {}, []]} ", "0", "\"\"",
                           "[[[]]]", "{\"a\":{\"b\":{}}, \"c\":true}", "1e5"}) {
    EXPECT_TRUE(IsJson(good)) << good;
  }
  for (const char* bad :
       {"",        " ",           "{",        "}",   "[1,]",     "{\"a\":}", "{\"a\" 1}",
        "{a:1}",   "01",          "1.",       ".5",  "+1",       "-",        "1e",
        "\"\\x\"", "\"\\u12g4\"", "\"a\nb\"", "tru", "1 2",      "[1}",      "{\"a\":1]",
        "NaN",     "'a'",         "[,1]",     "{,}", "\"\xFF\"", "[1] x",    "\"abc"}) {
    EXPECT_FALSE(IsJson(bad)) << bad;
  }
  EXPECT_TRUE(IsJson(std::string(500, '[') + std::string(500, ']')));
  EXPECT_FALSE(IsJson(std::string(501, '[') + std::string(501, ']')));
  EXPECT_FALSE(IsJson(std::string(1'000'000, '[')));
}

TEST(ParseValue, SaysWhatWasExpectedAndFound) {
  auto message = [](TypeKind kind, std::string_view text) {
    return std::string(ParseValue(Type{kind, {}}, text).status().message());
  };
  EXPECT_EQ(message(TypeKind::kInt64, "NA"), "expected INT64, found \"NA\"");
  EXPECT_EQ(message(TypeKind::kDate, "x\ny"), "expected DATE (YYYY-MM-DD), found \"x\\ny\"");
  EXPECT_THAT(message(TypeKind::kString, "\xFF"), testing::HasSubstr("UTF-8"));
  EXPECT_LT(message(TypeKind::kJson, std::string(5000, '{')).size(), 200u);
  EXPECT_FALSE(ParseValue(Type::Array(Type{}), "[]").ok());
  EXPECT_EQ(*ParseValue(Type{TypeKind::kJson, {}}, " [1] "), Value(std::string("[1]")));
  EXPECT_EQ(*ParseValue(Type{TypeKind::kBool, {}}, "TRUE"), Value(true));
  EXPECT_EQ(*ParseValue(Type{TypeKind::kNumeric, {}}, "1.50"), Value(std::string("1.5")));
}

}  // namespace
}  // namespace afluente::schema
