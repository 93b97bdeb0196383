#include "event/filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "schema/test_seed.h"

namespace afluente::event {
namespace {

bool Matches(std::string_view text, const Attributes& attributes) {
  auto filter = Filter::Parse(text);
  EXPECT_TRUE(filter.ok()) << text << ": " << filter.status();
  return filter.ok() && filter->Matches(attributes);
}

std::string ErrorOf(std::string_view text) {
  auto filter = Filter::Parse(text);
  EXPECT_FALSE(filter.ok()) << text;
  EXPECT_EQ(filter.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(filter.status().message());
}

const Attributes kComEn = {{"iana.org/lang", "en"}, {"name", "com"}};
const Attributes kOrg = {{"name", "org"}};
const Attributes kNone;

TEST(Filter, EmptyMatchesEverything) {
  EXPECT_TRUE(Filter().Matches(kNone));
  EXPECT_TRUE(Matches("", kOrg));
  EXPECT_TRUE(Matches("  \n", kOrg));
}

TEST(Filter, ComparesAttributes) {
  EXPECT_TRUE(Matches("attributes:name", kOrg));
  EXPECT_FALSE(Matches("attributes:name", kNone));
  EXPECT_TRUE(Matches("attributes.name = \"com\"", kComEn));
  EXPECT_FALSE(Matches("attributes.name=\"Com\"", kComEn));
  EXPECT_TRUE(Matches("attributes.name != \"com\"", kOrg));
  EXPECT_TRUE(Matches("attributes.name != \"com\"", kNone));
  EXPECT_FALSE(Matches("attributes.name != \"com\"", kComEn));
  EXPECT_TRUE(Matches("hasPrefix(attributes.name, \"co\")", kComEn));
  EXPECT_FALSE(Matches("hasPrefix(attributes.name, \"co\")", kNone));
  EXPECT_TRUE(Matches("hasPrefix ( attributes . name , \"\" )", kOrg));
}

TEST(Filter, CombinesWithParenthesesAndNot) {
  EXPECT_FALSE(Matches("NOT attributes:name", kOrg));
  EXPECT_TRUE(Matches("-attributes:name", kNone));
  EXPECT_TRUE(Matches("attributes:name AND -attributes:\"iana.org/lang\"", kOrg));
  EXPECT_FALSE(Matches("attributes:name AND NOT attributes:\"iana.org/lang\"", kComEn));
  // NOT binds tighter than OR.
  EXPECT_TRUE(Matches("NOT attributes:x OR attributes:name", kOrg));
  EXPECT_TRUE(Matches("(attributes:x AND attributes:y) OR attributes:name", kOrg));
  EXPECT_FALSE(Matches("NOT (attributes:x OR attributes:name)", kOrg));
  EXPECT_TRUE(Matches("NOT NOT attributes:name", kOrg));
  EXPECT_TRUE(Matches("attributes:a OR attributes:b OR attributes:name", kOrg));
}

TEST(Filter, ReadsKeysAndEscapes) {
  EXPECT_TRUE(Matches("attributes.ce-type = \"a\"", {{"ce-type", "a"}}));
  EXPECT_TRUE(Matches("attributes:AND", {{"AND", ""}}));
  EXPECT_TRUE(Matches("attributes.1x=\"\"", {{"1x", ""}}));
  EXPECT_TRUE(Matches("attributes.\"a b\" = \"q\\\"\\\\\"", {{"a b", "q\"\\"}}));
  EXPECT_TRUE(Matches(R"(attributes.k = "\x63\157\u006d\n\U0001F600")", {{"k", "com\n😀"}}));
  EXPECT_TRUE(Matches(R"(attributes.k = "\xc3\xb1")", {{"k", "ñ"}}));
  EXPECT_TRUE(Matches("attributes:\"ñ\"", {{"ñ", ""}}));
}

TEST(Filter, SaysWhereItFails) {
  EXPECT_THAT(ErrorOf("attributes:a AND attributes:b OR attributes:c"),
              testing::HasSubstr("column 31: AND and OR"));
  EXPECT_THAT(ErrorOf("attributes.a = b"),
              testing::AllOf(testing::HasSubstr("column 16"), testing::HasSubstr("found b")));
  EXPECT_THAT(ErrorOf("attributes.a = 'b'"), testing::HasSubstr("double quotes"));
  EXPECT_THAT(ErrorOf("attributes:a and attributes:b"), testing::HasSubstr("found and"));
  EXPECT_THAT(ErrorOf("attribute:a"), testing::HasSubstr("column 1: expected attributes"));
  EXPECT_THAT(ErrorOf("attributes:a AND"), testing::HasSubstr("found the end"));
  EXPECT_THAT(ErrorOf("hasSuffix(attributes.a, \"b\")"), testing::HasSubstr("found hasSuffix"));
  for (const char* bad : {"(",
                          ")",
                          "()",
                          "attributes",
                          "attributes.",
                          "attributes:",
                          "attributes.a",
                          "attributes.a ==",
                          "attributes.a == \"b\"",
                          "attributes.a > \"b\"",
                          "attributes.a:b",
                          "attributes:a attributes:b",
                          "hasPrefix(attributes:a, \"b\")",
                          "hasPrefix(attributes.a \"b\")",
                          "hasPrefix(attributes.a, \"b\"",
                          "(attributes:a",
                          "attributes:a)",
                          "attributes.a = \"b",
                          "attributes.a = \"b\\",
                          "attributes.a = \"\\q\"",
                          "attributes.a = \"\\xZZ\"",
                          "attributes.a = \"\\uD800\"",
                          "attributes.a = \"\\xff\"",
                          "NOT",
                          "-",
                          "attributes.a/b = \"c\"",
                          "attributes.a = \"b\" -- comment",
                          "attributes:ñ",
                          "Attributes:a",
                          "HASPREFIX(attributes.a,\"b\")",
                          "attributes.a = \"b\" \"c\"",
                          "attributes:*",
                          "attributes.a = 5",
                          "\xff"}) {
    ErrorOf(bad);
  }
}

TEST(Filter, IsLimitedTo256Bytes) {
  std::string longest = "attributes.a = \"" + std::string(256 - 17, 'x') + "\"";
  EXPECT_TRUE(Filter::Parse(longest).ok());
  EXPECT_THAT(ErrorOf(longest + " "), testing::HasSubstr("256"));
  EXPECT_FALSE(Filter::Parse(std::string(255, '(')).ok());
  EXPECT_FALSE(Filter::Parse(std::string(255, '-')).ok());
}

TEST(Filter, SurvivesRandomTexts) {
  std::mt19937 random(schema::TestSeed());
  const std::string_view pieces[] = {
      "attributes", ".",   ":", "a", "\"b\"",     "=", "!=", "(",  ")",   "AND",
      "OR",         "NOT", "-", " ", "hasPrefix", ",", "\\", "\"", "\xff"};
  int parsed = 0;
  for (int i = 0; i < 50'000; ++i) {
    std::string text;
    for (size_t n = random() % 12; n > 0; --n) text += pieces[random() % std::size(pieces)];
    auto filter = Filter::Parse(text);
    if (filter.ok()) ++parsed, filter->Matches(kComEn);
  }
  EXPECT_GT(parsed, 0);
}

}  // namespace
}  // namespace afluente::event
