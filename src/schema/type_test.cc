#include "schema/type.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace afluente::schema {
namespace {

TEST(ParseType, ReadsScalarsAndLegacyNamesInAnyCase) {
  EXPECT_EQ(ParseType("INT64")->kind, TypeKind::kInt64);
  EXPECT_EQ(ParseType("integer")->ToString(), "INT64");
  EXPECT_EQ(ParseType("Float")->ToString(), "FLOAT64");
  EXPECT_EQ(ParseType("BOOLEAN")->ToString(), "BOOL");
  EXPECT_EQ(ParseType("bigdecimal")->ToString(), "BIGNUMERIC");
  EXPECT_EQ(ParseType("  timestamp ")->ToString(), "TIMESTAMP");
}

TEST(ParseType, ReadsNestedForms) {
  for (const char* text : {"ARRAY<INT64>", "STRUCT<a INT64, b ARRAY<STRING>>",
                           "ARRAY<STRUCT<a INT64, b STRUCT<c JSON>>>", "STRUCT<INT64, STRING>"}) {
    auto type = ParseType(text);
    ASSERT_TRUE(type.ok()) << type.status();
    EXPECT_EQ(type->ToString(), text);
  }
  EXPECT_EQ(ParseType("struct< `date` date ,b array < bool > >")->ToString(),
            "STRUCT<date DATE, b ARRAY<BOOL>>");
  EXPECT_EQ(ParseType("ARRAY<INT64>")->element(), (Type{TypeKind::kInt64, {}}));
}

TEST(ParseType, SaysWhatItDidNotUnderstand) {
  auto message = [](const std::string& text) {
    return std::string(ParseType(text).status().message());
  };
  EXPECT_THAT(message("INT65"), testing::HasSubstr("unknown type INT65"));
  EXPECT_THAT(message("GEOGRAPHY"), testing::HasSubstr("not supported"));
  EXPECT_THAT(message("NUMERIC(10,2)"), testing::HasSubstr("parameters"));
  EXPECT_THAT(message("ARRAY<ARRAY<INT64>>"), testing::HasSubstr("ARRAY of ARRAY"));
  EXPECT_THAT(message("ARRAY<INT64"), testing::HasSubstr("column 12: expected >"));
  EXPECT_THAT(message("STRUCT<a INT64, A STRING>"), testing::HasSubstr("twice"));
  EXPECT_THAT(message(""), testing::HasSubstr("expected a type"));
  EXPECT_THAT(message("INT64 x"), testing::HasSubstr("the end of the type"));
  EXPECT_THAT(message("STRUCT<a"), testing::HasSubstr("unknown type a"));
}

TEST(ParseType, BoundsNestingAndLength) {
  std::string deep;
  for (int i = 0; i < 1000; ++i) deep += "STRUCT<a ";
  EXPECT_THAT(std::string(ParseType(deep).status().message()), testing::HasSubstr("deeper"));
  EXPECT_FALSE(ParseType(std::string(1 << 20, 'x')).ok());
}

}  // namespace
}  // namespace afluente::schema
