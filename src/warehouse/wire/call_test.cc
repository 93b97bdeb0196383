#include "warehouse/wire/call.h"

#include <gtest/gtest.h>

#include "warehouse/wire/field_mask.h"
#include "warehouse/wire/multipart.h"

namespace afluente::warehouse::wire {
namespace {

std::string Selected(std::string_view fields, std::string_view text) {
  json value = json::parse(text);
  const absl::Status status = SelectFields(fields, value);
  return status.ok() ? value.dump() : "refused";
}

TEST(FieldMaskTest, KeepsWhatIsNamed) {
  const std::string text = R"({"a":1,"b":{"c":2,"d":3},"e":[{"f":4,"g":5},{"f":6}]})";
  EXPECT_EQ(Selected("a", text), R"({"a":1})");
  EXPECT_EQ(Selected("b/c,e(f)", text), R"({"b":{"c":2},"e":[{"f":4},{"f":6}]})");
  EXPECT_EQ(Selected("*/c", text), R"({"a":1,"b":{"c":2},"e":[{},{}]})");
  EXPECT_EQ(Selected("nothing", text), "{}");
  for (std::string_view bad : {"a(", "a)", ",", "a//b", "a(b", "a(b))", ""}) {
    EXPECT_EQ(Selected(bad, text), "refused") << bad;
  }
  EXPECT_EQ(Selected(std::string(100, '('), text), "refused");
}

TEST(MultipartTest, TheTwoPartsAreFound) {
  const std::string body =
      "--m x\r\nContent-Type: application/json\r\n\r\n{\"a\":1}\r\n--m x\r\nContent-Type: "
      "*/*\r\n\r\n"
      "one\r\n--m in the file\r\n\r\n--m x--\r\n";
  const auto parts = ParseRelated("multipart/related; boundary=\"m x\"", body);
  ASSERT_TRUE(parts.ok()) << parts.status();
  EXPECT_EQ(parts->resource, "{\"a\":1}");
  EXPECT_EQ(parts->media, "one\r\n--m in the file\r\n");
  EXPECT_FALSE(ParseRelated("multipart/related", body).ok());
  EXPECT_FALSE(ParseRelated("multipart/related; boundary=other", body).ok());
  EXPECT_FALSE(ParseRelated("multipart/related; boundary=m", "--m\r\n\r\nonly one\r\n--m--").ok());
}

TEST(PageTokenTest, OnlyOursAreTaken) {
  EXPECT_EQ(*FromPageToken(PageToken(12'345)), 12'345u);
  for (const char* bad : {"", "R", "12", "R-1", "R1x", "R99999999999999999999"}) {
    EXPECT_FALSE(FromPageToken(bad).ok()) << bad;
  }
}

TEST(ErrorTest, HasGooglesForm) {
  const http::Response response =
      ErrorResponse(WithReason(absl::FailedPreconditionError("no \xff"), "conditionNotMet"));
  EXPECT_EQ(response.status, 412);
  const json body = json::parse(response.body);
  EXPECT_EQ(body["error"]["errors"][0]["reason"], "conditionNotMet");
  EXPECT_EQ(body["error"]["status"], "FAILED_PRECONDITION");
  EXPECT_EQ(ErrorResponse(absl::NotFoundError("x")).status, 404);
}

}  // namespace
}  // namespace afluente::warehouse::wire
