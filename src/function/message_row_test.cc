#include "function/message_row.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace afluente::function {
namespace {

using schema::Column;
using schema::Mode;
using schema::TypeKind;
using schema::Value;
using ::testing::HasSubstr;

Column Of(std::string name, TypeKind kind, Mode mode = Mode::kNullable) {
  return {std::move(name), {kind, {}}, mode, ""};
}

event::Message Some(std::string data) {
  event::Message message;
  message.data = std::move(data);
  message.attributes = {{"a", "1"}, {"quote", "\""}};
  message.ordering_key = "k";
  message.message_id = "700000000000009";
  message.publish_time = host::WallTime(std::chrono::microseconds(1'234'567));
  return message;
}

absl::StatusOr<std::unique_ptr<MessageRow>> Make(const broker::BigqueryConfig& config,
                                                 const std::vector<Column>& columns,
                                                 TopicJson* topic_json = nullptr) {
  return MessageRow::Create(config, "projects/p/subscriptions/s", columns, topic_json);
}

const std::vector<Column> kMetadata = {
    Of("publish_time", TypeKind::kTimestamp),   Of("data", TypeKind::kBytes),
    Of("attributes", TypeKind::kJson),          Of("message_id", TypeKind::kString),
    Of("subscription_name", TypeKind::kString), Of("other", TypeKind::kInt64)};

TEST(MessageRow, TheDataFillsItsColumn) {
  auto row = Make({}, {Of("x", TypeKind::kInt64), Of("data", TypeKind::kBytes)});
  ASSERT_TRUE(row.ok()) << row.status();
  EXPECT_EQ(*(*row)->Make(Some(std::string("\0\xff", 2))),
            (std::vector<Value>{Value(), Value(std::string("\0\xff", 2))}));
}

TEST(MessageRow, DataMustFitItsColumn) {
  auto text = Make({}, {Of("data", TypeKind::kString)});
  EXPECT_THAT((*text)->Make(Some("\xff")).status().ToString(), HasSubstr("UTF-8"));
  auto json = Make({}, {Of("data", TypeKind::kJson)});
  EXPECT_THAT((*json)->Make(Some("{")).status().ToString(), HasSubstr("JSON"));
  EXPECT_TRUE((*json)->Make(Some("{}")).ok());
}

TEST(MessageRow, MetadataFillsTheColumnsOfItsNames) {
  broker::BigqueryConfig config;
  config.write_metadata = true;
  auto row = Make(config, kMetadata);
  ASSERT_TRUE(row.ok()) << row.status();
  EXPECT_EQ(*(*row)->Make(Some("d")),
            (std::vector<Value>{Value(int64_t{1'234'567}), Value(std::string("d")),
                                Value(std::string(R"({"a":"1","quote":"\"","ordering_key":"k"})")),
                                Value(std::string("700000000000009")),
                                Value(std::string("projects/p/subscriptions/s")), Value()}));
}

TEST(MessageRow, ColumnsThatDoNotFitAreNamed) {
  auto refused = [](const broker::BigqueryConfig& config, const std::vector<Column>& columns) {
    return Make(config, columns).status();
  };
  broker::BigqueryConfig metadata;
  metadata.write_metadata = true;
  std::vector<Column> columns = kMetadata;
  columns[0].type.kind = TypeKind::kString;
  EXPECT_THAT(refused(metadata, columns).ToString(), HasSubstr("publish_time of type TIMESTAMP"));
  columns = kMetadata;
  columns.erase(columns.begin() + 2);
  EXPECT_THAT(refused(metadata, columns).ToString(), HasSubstr("attributes"));
  EXPECT_THAT(refused({}, {Of("x", TypeKind::kInt64)}).ToString(), HasSubstr("data"));
  EXPECT_THAT(refused({}, {Of("data", TypeKind::kInt64)}).ToString(), HasSubstr("data of type"));
  EXPECT_TRUE(absl::IsFailedPrecondition(
      refused({}, {Of("data", TypeKind::kBytes), Of("x", TypeKind::kInt64, Mode::kRequired)})));
}

TEST(MessageRow, TheTablesSchemaTakesTheFieldsByName) {
  broker::BigqueryConfig config;
  config.use_table_schema = true;
  const std::vector<Column> columns = {Of("n", TypeKind::kInt64, Mode::kRequired),
                                       Of("s", TypeKind::kString)};
  auto row = Make(config, columns);
  ASSERT_TRUE(row.ok()) << row.status();
  EXPECT_EQ(*(*row)->Make(Some(R"({"s":"x","n":5})")),
            (std::vector<Value>{Value(int64_t{5}), Value(std::string("x"))}));
  EXPECT_THAT((*row)->Make(Some(R"({"n":5,"more":1})")).status().ToString(), HasSubstr("more"));
  config.drop_unknown_fields = true;
  EXPECT_TRUE((*Make(config, columns))->Make(Some(R"({"n":5,"more":1})")).ok());
}

TEST(MessageRow, TheTopicsSchemaIsAskedForTheFields) {
  broker::BigqueryConfig config;
  config.use_topic_schema = true;
  TopicJson topic_json = [](const event::Message& message) -> absl::StatusOr<std::string> {
    if (message.data == "bad") return absl::InvalidArgumentError("no such record");
    return R"({"n":7})";
  };
  auto row = Make(config, {Of("n", TypeKind::kInt64)}, &topic_json);
  ASSERT_TRUE(row.ok()) << row.status();
  EXPECT_EQ(*(*row)->Make(Some("\x0e")), (std::vector<Value>{Value(int64_t{7})}));
  EXPECT_THAT((*row)->Make(Some("bad")).status().ToString(), HasSubstr("no such record"));
}

}  // namespace
}  // namespace afluente::function
