#include "telemetry/json_string.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>

namespace afluente::telemetry {
namespace {

std::string Quoted(std::string_view text) {
  std::string out;
  AppendJsonString(out, text);
  return out;
}

TEST(JsonString, Escapes) {
  EXPECT_EQ(Quoted("plain \xc3\xa9 \xf0\x9f\x98\x80"), "\"plain \xc3\xa9 \xf0\x9f\x98\x80\"");
  EXPECT_EQ(Quoted("\"\\\n\r\t"), "\"\\\"\\\\\\n\\r\\t\"");
  EXPECT_EQ(Quoted(std::string_view("\0\x1f\x7f", 3)), "\"\\u0000\\u001f\\u007f\"");
}

TEST(JsonString, InvalidUtf8BecomesReplacementCharacters) {
  const std::string replacement = "\xef\xbf\xbd";
  for (const char* bad : {"\xff", "\x80", "\xc3", "\xc0", "\xf5"}) {
    EXPECT_EQ(Quoted(std::string("a") + bad + "b"), "\"a" + replacement + "b\"") << bad;
  }
  EXPECT_EQ(Quoted("\xe2\x82"), "\"" + replacement + replacement + "\"");
}

TEST(Utf8, RefusesOverlongSurrogatesAndBeyond) {
  for (const char* bad : {"\xc0\xaf", "\xe0\x80\xaf", "\xf0\x80\x80\xaf", "\xed\xa0\x80",
                          "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80", "12345678\xff"}) {
    EXPECT_FALSE(IsUtf8(bad)) << Quoted(bad);
  }
  EXPECT_TRUE(
      IsUtf8("12345678\xe2\x82\xac"
             "abcdefgh"));
  EXPECT_TRUE(IsUtf8("\xf4\x8f\xbf\xbf\xed\x9f\xbf"));
}

TEST(JsonString, AnyBytesGiveValidJson) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (int round = 0; round < 2000; ++round) {
    std::string text(random() % 24, '\0');
    for (char& c : text) c = static_cast<char>(random());
    const auto parsed = nlohmann::json::parse(Quoted(text), nullptr, false);
    ASSERT_FALSE(parsed.is_discarded());
    if (IsUtf8(text)) {
      ASSERT_EQ(parsed.get<std::string>(), text);
    }
  }
}

}  // namespace
}  // namespace afluente::telemetry
