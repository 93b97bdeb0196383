#include "function/json_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace afluente::function {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

JsonRows Rows(event::UnknownFields unknown = event::UnknownFields::kReject) {
  return JsonRows({{"a", {schema::TypeKind::kInt64, {}}, schema::Mode::kRequired, ""},
                   {"b", {schema::TypeKind::kString, {}}, schema::Mode::kNullable, ""}},
                  unknown);
}

std::string ErrorOf(std::string_view json) {
  const auto rows = Rows().Decode(json);
  EXPECT_TRUE(absl::IsInvalidArgument(rows.status())) << json;
  return std::string(rows.status().message());
}

TEST(SplitJsonArrayTest, GivesTheElementsAsTheyAreWritten) {
  EXPECT_THAT(*SplitJsonArray(R"( [1, "a,]b", {"x": [1, 2]} , [ ], null] )"),
              ElementsAre("1", R"("a,]b")", R"({"x": [1, 2]})", "[ ]", "null"));
  EXPECT_THAT(*SplitJsonArray(R"(["\"", "\\", "\\\""])"),
              ElementsAre(R"("\"")", R"("\\")", R"("\\\"")"));
  EXPECT_THAT(*SplitJsonArray("[ \n]"), IsEmpty());
}

TEST(SplitJsonArrayTest, RefusesWhatIsNoArray) {
  for (const char* text : {"", " ", "{}", "1", "[1", "[1]]", "[1,]", "[1] 2", "[,]"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(SplitJsonArray(text).status())) << text;
  }
}

TEST(JsonRowsTest, AnObjectIsARowAndAnArrayAsManyAsItHolds) {
  const auto one = Rows().Decode(R"({"b": "x", "a": 1})");
  ASSERT_TRUE(one.ok()) << one.status();
  EXPECT_EQ(one->kind, Outcome::Kind::kRows);
  EXPECT_THAT(one->rows,
              ElementsAre(ElementsAre(schema::Value(int64_t{1}), schema::Value(std::string("x")))));
  const auto many = Rows().Decode(R"([{"a": 1}, {"a": 2}, {"a": 3}])");
  ASSERT_TRUE(many.ok()) << many.status();
  ASSERT_EQ(many->rows.size(), 3u);
  EXPECT_EQ(many->rows[2][0], schema::Value(int64_t{3}));
  EXPECT_EQ(Rows().Decode(" [] ")->kind, Outcome::Kind::kDropped);
}

TEST(JsonRowsTest, NamesTheRowAndTheField) {
  EXPECT_THAT(ErrorOf(R"([{"a": 1}, {"a": "x"}])"), HasSubstr("row 1"));
  EXPECT_THAT(ErrorOf(R"([{"a": 1}, {"a": "x"}])"), HasSubstr("a"));
  EXPECT_THAT(ErrorOf(R"({"a": 1, "colour": "red"})"), HasSubstr("colour"));
  EXPECT_THAT(ErrorOf(R"([{"a": 1}, 5])"), HasSubstr("row 1"));
  EXPECT_THAT(ErrorOf(R"({"b": "x"})"), HasSubstr("a"));
  EXPECT_TRUE(Rows(event::UnknownFields::kIgnore).Decode(R"({"a": 1, "colour": "red"})").ok());
}

TEST(JsonRowsTest, BoundsTheRowsOfOneMessage) {
  std::string json = "[";
  for (size_t i = 0; i <= JsonRows::kRowsMax; ++i) absl::StrAppend(&json, i > 0 ? "," : "", "{}");
  EXPECT_THAT(ErrorOf(json + "]"), HasSubstr(absl::StrCat(JsonRows::kRowsMax)));
}

}  // namespace
}  // namespace afluente::function
