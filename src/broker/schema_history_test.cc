#include "broker/schema_history.h"

#include <gtest/gtest.h>

#include <string>

#include "schema/text.h"

namespace afluente::broker {
namespace {

using schema::Concat;

SchemaRevision Revision(std::string id, std::string_view fields) {
  SchemaRevision revision;
  revision.name = "projects/p/schemas/order";
  revision.definition = Concat(R"({"type":"record","name":"Order","fields":[)", fields, "]}");
  revision.revision_id = std::move(id);
  return revision;
}

constexpr char kA[] = R"({"name":"a","type":"int"})";
constexpr char kB[] = R"({"name":"b","type":"int"})";
constexpr char kC[] = R"({"name":"c","type":"int"})";

class SchemaHistoryTest : public ::testing::Test {
 protected:
  SchemaHistoryTest() {
    history_.Add(Revision("11111111", kA));
    history_.Add(Revision("22222222", kB));
    history_.Add(Revision("33333333", kC));
  }
  // The revision's id, or the error's text.
  std::string Validate(std::string_view data, std::string first = "", std::string last = "") {
    SchemaSettings settings;
    settings.schema = history_.name();
    settings.encoding = Encoding::kJson;
    settings.first_revision_id = std::move(first);
    settings.last_revision_id = std::move(last);
    absl::StatusOr<std::string> id = history_.Validate(settings, data);
    EXPECT_TRUE(id.ok() || absl::IsInvalidArgument(id.status()));
    return id.ok() ? *id : std::string(id.status().message());
  }
  static std::string Refused(std::string_view why) {
    return Concat(
        "Invalid data in message: Message failed schema validation. Could not validate message "
        "with any schema revision for schema: projects/p/schemas/order, ",
        why);
  }

  SchemaHistory history_{"projects/p/schemas/order"};
};

TEST_F(SchemaHistoryTest, TheNewestThatFitsIsTaken) {
  EXPECT_EQ(Validate(R"({"a":1,"b":2,"c":3})"), "33333333");
  EXPECT_EQ(Validate(R"({"a":1,"b":2})"), "22222222");
  EXPECT_EQ(Validate(R"({"a":1})"), "11111111");
  EXPECT_EQ(Validate(R"({"a":"x"})"),
            Refused("last checked revision: revision_id=11111111 failed with status: field \"a\": "
                    "expected int, found the string \"x\""));
}

TEST_F(SchemaHistoryTest, OnlyRevisionsOfTheRangeAreTried) {
  const std::string all = R"({"a":1,"b":2,"c":3})";
  EXPECT_EQ(Validate(all, "", "22222222"), "22222222");
  EXPECT_EQ(Validate(all, "11111111", "11111111"), "11111111");
  EXPECT_EQ(Validate(R"({"a":1})", "22222222", ""),
            Refused("last checked revision: revision_id=22222222 failed with status: field \"b\": "
                    "is missing"));
  const std::string none = Refused("no revision is allowed by the topic's schema settings");
  EXPECT_EQ(Validate(all, "33333333", "11111111"), none);
  EXPECT_EQ(Validate(all, "", "99999999"), none);
  EXPECT_EQ(Validate(all, "99999999", ""), none);
}

TEST_F(SchemaHistoryTest, RevisionsComeAndGo) {
  EXPECT_TRUE(history_.Remove("33333333"));
  EXPECT_FALSE(history_.Remove("33333333"));
  EXPECT_EQ(Validate(R"({"a":1,"b":2,"c":3})"), "22222222");
  ASSERT_EQ(history_.Revisions().size(), 2u);
  EXPECT_EQ(history_.Revisions().front().revision_id, "22222222");
  EXPECT_EQ(history_.Find("")->revision_id, "22222222");
  EXPECT_EQ(history_.Find("11111111")->definition, Revision("", kA).definition);
  EXPECT_FALSE(history_.Find("33333333").has_value());
  EXPECT_TRUE(history_.Compiled("").ok());
  EXPECT_TRUE(absl::IsNotFound(history_.Compiled("33333333").status()));
}

TEST_F(SchemaHistoryTest, ARevisionThatDoesNotCompileFitsNothing) {
  SchemaRevision broken = Revision("44444444", "");
  broken.definition = "{";
  history_.Add(broken);
  EXPECT_EQ(Validate(R"({"c":3})"), "33333333");
  EXPECT_TRUE(absl::IsInvalidArgument(history_.Compiled("44444444").status()));
}

}  // namespace
}  // namespace afluente::broker
