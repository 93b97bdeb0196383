#include "source/body_records.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "absl/strings/str_cat.h"
#include "http/content_coding.h"
#include "http/message.h"

namespace afluente::source {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using namespace std::string_literals;

// "NUMBER:DATA" or "NUMBER!ERROR" of each; the status last when reading ended early.
std::vector<std::string> ReadAll(std::string_view body, BodyForm form,
                                 http::ContentCoding coding = http::ContentCoding::kIdentity,
                                 BodyRecords::Limits limits = {}) {
  BodyRecords records(body, form, coding, limits);
  std::vector<std::string> read;
  while (true) {
    auto record = records.Next();
    if (!record.ok()) {
      read.push_back(record.status().ToString());
      return read;
    }
    if (!record->has_value()) return read;
    const BodyRecord& one = **record;
    read.push_back(absl::StrCat(one.number, one.error.empty() ? ":" : "!",
                                one.error.empty() ? one.data : one.error));
  }
}

TEST(BodyRecords, ALineIsTheDataVerbatim) {
  EXPECT_THAT(ReadAll("{\"a\": 1 }\n\r\n\n [2]\r\n\"x\"", BodyForm::kJsonLines),
              ElementsAre("1:{\"a\": 1 }", "4: [2]", "5:\"x\""));
  EXPECT_THAT(ReadAll("a\nb", BodyForm::kTextLines), ElementsAre("1:a", "2:b"));
  EXPECT_THAT(ReadAll("", BodyForm::kJsonLines), ElementsAre());
}

TEST(BodyRecords, ABadLineIsNamedAndItsNeighboursAreRead) {
  EXPECT_THAT(ReadAll("1\n{a\n3", BodyForm::kJsonLines),
              ElementsAre("1:1", HasSubstr("2!not a JSON value"), "3:3"));
  EXPECT_THAT(ReadAll("\"aaaaaaaaaa\"\n2", BodyForm::kJsonLines, http::ContentCoding::kIdentity,
                      {.record_bytes_max = 5, .body_bytes_max = 1000}),
              ElementsAre("1!more than 5 bytes", "2:2"));
}

TEST(BodyRecords, AnArraysElementsAreRecords) {
  EXPECT_THAT(ReadAll(" [ {\"a\": [1, \"]\\\"\"]} ,\n2, \"x,y\" ]\n", BodyForm::kJson),
              ElementsAre("1:{\"a\": [1, \"]\\\"\"]}", "2:2", "3:\"x,y\""));
  EXPECT_THAT(ReadAll("[]", BodyForm::kJson), ElementsAre());
  EXPECT_THAT(ReadAll("[1,{x},3]", BodyForm::kJson),
              ElementsAre("1:1", HasSubstr("2!not a JSON value"), "3:3"));
  EXPECT_THAT(ReadAll("[1,2", BodyForm::kJson),
              ElementsAre("1:1", HasSubstr("the JSON array does not end after element 1")));
  EXPECT_THAT(ReadAll("[1] 2", BodyForm::kJson),
              ElementsAre("1:1", HasSubstr("is followed by something else")));
}

TEST(BodyRecords, AnyOtherValueIsOneRecord) {
  EXPECT_THAT(ReadAll(" {\"a\":\n[1]}\n", BodyForm::kJson), ElementsAre("1:{\"a\":\n[1]}"));
  EXPECT_THAT(ReadAll("{\"a\":1} {}", BodyForm::kJson), ElementsAre(HasSubstr("1!not a JSON")));
  EXPECT_THAT(ReadAll("\n\0x"s, BodyForm::kBytes), ElementsAre("1:\n\0x"s));
}

TEST(BodyRecords, UnpacksWithinItsLimit) {
  std::string text;
  for (int i = 0; i < 100'000; ++i) absl::StrAppend(&text, "{\"n\":", i, "}\n");
  http::Response packed = http::Response::Text(200, "x", text);
  http::EncodeBody(http::ContentCoding::kZstd, packed);
  const auto all = ReadAll(packed.body, BodyForm::kJsonLines, http::ContentCoding::kZstd);
  ASSERT_EQ(all.size(), 100'000);
  EXPECT_EQ(all.back(), "100000:{\"n\":99999}");
  const auto cut = ReadAll(packed.body, BodyForm::kJsonLines, http::ContentCoding::kZstd,
                           {.record_bytes_max = 1000, .body_bytes_max = 200'000});
  EXPECT_THAT(cut.back(), HasSubstr("more than 200000 bytes unpacked"));
  const auto torn = ReadAll(std::string_view(packed.body).substr(0, packed.body.size() / 2),
                            BodyForm::kJsonLines, http::ContentCoding::kZstd);
  EXPECT_THAT(torn.back(), HasSubstr("cut"));
}

TEST(BodyForm, ByContentType) {
  EXPECT_EQ(FormOfContentType("application/x-ndjson; charset=utf-8"), BodyForm::kJsonLines);
  EXPECT_EQ(FormOfContentType("Application/JSON"), BodyForm::kJson);
  EXPECT_EQ(FormOfContentType("text/plain"), BodyForm::kTextLines);
  EXPECT_FALSE(FormOfContentType("application/x-www-form-urlencoded").has_value());
  EXPECT_FALSE(FormOfContentType("").has_value());
}

}  // namespace
}  // namespace afluente::source
