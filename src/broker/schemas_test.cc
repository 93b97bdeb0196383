// Schemas through the broker: what they do to topics, publishes and restarts.
#include "broker/broker_harness.h"
#include "broker/schema_revision.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace afluente::broker {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kSchema[] = "projects/p/schemas/event";
// Each reads what the one before wrote.
constexpr char kFirst[] = R"({"type":"record","name":"E","fields":[{"name":"id","type":"int"}]})";
constexpr char kSecond[] = R"({"type":"record","name":"E","fields":[{"name":"id","type":"int"},
    {"name":"note","type":"string","default":""}]})";

class SchemasOfBroker : public ::testing::Test {
 protected:
  absl::StatusOr<SchemaRevision> Create(const std::string& definition = kFirst) {
    return harness_.broker().CreateSchema(
        {kSchema, schema::SchemaLanguage::kAvro, definition, "", {}});
  }
  absl::StatusOr<SchemaRevision> Commit(const std::string& definition = kSecond) {
    return harness_.broker().CommitSchema(
        {kSchema, schema::SchemaLanguage::kAvro, definition, "", {}});
  }
  absl::Status CreateTopic(SchemaSettings schema) {
    TopicSettings settings;
    settings.name = kTopic;
    settings.schema = std::move(schema);
    return harness_.broker().CreateTopic(settings).status();
  }
  SchemaSettings OfTopic() { return *harness_.broker().GetTopic(kTopic)->schema; }

  BrokerHarness harness_;
};

TEST_F(SchemasOfBroker, RevisionsAreKept) {
  auto first = Create();
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(first->revision_id.size(), 8);
  EXPECT_EQ(first->revision_create_time, harness_.clock().Now());
  EXPECT_TRUE(absl::IsAlreadyExists(Create().status()));
  auto second = Commit();
  ASSERT_TRUE(second.ok()) << second.status();
  auto third = harness_.broker().RollbackSchema(kSchema, first->revision_id);
  ASSERT_TRUE(third.ok()) << third.status();
  EXPECT_EQ(third->definition, kFirst);
  EXPECT_NE(third->revision_id, first->revision_id);
  ASSERT_TRUE(harness_.CrashAndRestart().ok());
  const EmbeddedBroker& broker = harness_.broker();
  EXPECT_EQ(broker.GetSchema(kSchema)->revision_id, third->revision_id);
  EXPECT_EQ(broker.GetSchema(std::string(kSchema) + "@" + second->revision_id)->definition,
            kSecond);
  EXPECT_TRUE(absl::IsNotFound(broker.GetSchema(std::string(kSchema) + "@00000000").status()));
  auto page = broker.ListSchemaRevisions(kSchema, 2, "");
  ASSERT_EQ(page->items.size(), 2);
  EXPECT_EQ(page->items[0].revision_id, third->revision_id);
  page = broker.ListSchemaRevisions(kSchema, 2, page->next_page_token);
  ASSERT_EQ(page->items.size(), 1);
  EXPECT_EQ(page->items[0].revision_id, first->revision_id);
  EXPECT_EQ(page->next_page_token, "");
  EXPECT_EQ(broker.ListSchemas("projects/p", 10, "")->items.size(), 1);
  auto left =
      harness_.broker().DeleteSchemaRevision(std::string(kSchema) + "@" + third->revision_id);
  ASSERT_TRUE(left.ok()) << left.status();
  EXPECT_EQ(left->revision_id, second->revision_id);
  EXPECT_TRUE(absl::IsInvalidArgument(harness_.broker().DeleteSchemaRevision(kSchema).status()));
  ASSERT_TRUE(harness_.broker().DeleteSchema(kSchema).ok());
  ASSERT_TRUE(harness_.CrashAndRestart().ok());
  EXPECT_TRUE(absl::IsNotFound(harness_.broker().GetSchema(kSchema).status()));
}

TEST_F(SchemasOfBroker, RefusesWhatIsNoSchemaOrNoRevision) {
  EXPECT_TRUE(absl::IsInvalidArgument(Create("{").status()));
  EXPECT_TRUE(absl::IsNotFound(Commit().status()));
  ASSERT_TRUE(Create().ok());
  EXPECT_FALSE(
      Commit(R"({"type":"record","name":"E","fields":[{"name":"other","type":"int"}]})").ok());
  EXPECT_TRUE(
      absl::IsInvalidArgument(harness_.broker()
                                  .CommitSchema({kSchema,
                                                 schema::SchemaLanguage::kProtobuf,
                                                 "syntax = \"proto3\"; message E { int32 id = 1; }",
                                                 "",
                                                 {}})
                                  .status()));
  EXPECT_EQ(harness_.broker().ListSchemaRevisions(kSchema, 10, "")->items.size(), 1);
}

TEST_F(SchemasOfBroker, APublishMustFit) {
  EXPECT_TRUE(absl::IsNotFound(CreateTopic({kSchema, Encoding::kJson, "", ""})));
  auto first = Create();
  ASSERT_TRUE(CreateTopic({kSchema, Encoding::kJson, "", ""}).ok());
  harness_.Subscribe();
  absl::Status refused = harness_.Publish({Text(R"({"id":1})"), Text(R"({"id":"x"})")}).status();
  EXPECT_TRUE(absl::IsInvalidArgument(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr("id"));
  EXPECT_THAT(harness_.Pull().texts(), IsEmpty()) << "all or nothing";
  ASSERT_TRUE(harness_.Publish({Text(R"({"id":1})", "", {{"z", "1"}})}).ok());
  auto pulled = harness_.Pull();
  ASSERT_EQ(pulled.texts().size(), 1);
  const event::Attributes wanted = {{"googclient_schemaencoding", "JSON"},
                                    {"googclient_schemaname", kSchema},
                                    {"googclient_schemarevisionid", first->revision_id},
                                    {"z", "1"}};
  EXPECT_EQ((**pulled.value)[0].message->attributes, wanted);
}

TEST_F(SchemasOfBroker, ADeletedSchemaLetsNothingThrough) {
  ASSERT_TRUE(Create().ok());
  ASSERT_TRUE(CreateTopic({kSchema, Encoding::kJson, "", ""}).ok());
  ASSERT_TRUE(harness_.broker().DeleteSchema(kSchema).ok());
  for (int restart = 0; restart < 2; ++restart) {
    EXPECT_EQ(OfTopic().schema, "_deleted-schema_");
    EXPECT_TRUE(absl::IsFailedPrecondition(harness_.PublishTexts({R"({"id":1})"}).status()));
    // A schema of the same name is another.
    Create().status().IgnoreError();
    ASSERT_TRUE(harness_.CrashAndRestart().ok());
  }
  TopicSettings settings = *harness_.broker().GetTopic(kTopic);
  settings.labels = {{"still", "changes"}};
  EXPECT_TRUE(harness_.broker().UpdateTopic(settings).ok());
  settings.schema.reset();
  ASSERT_TRUE(harness_.broker().UpdateTopic(settings).ok());
  EXPECT_TRUE(harness_.PublishTexts({"anything"}).ok());
  settings.schema = SchemaSettings{"_deleted-schema_", Encoding::kJson, "", ""};
  EXPECT_TRUE(absl::IsInvalidArgument(harness_.broker().UpdateTopic(settings).status()));
}

TEST_F(SchemasOfBroker, ADeletedRevisionThatBoundsARangeGivesWay) {
  std::string first = Create()->revision_id;
  std::string second = Commit()->revision_id;
  std::string third = harness_.broker().RollbackSchema(kSchema, first)->revision_id;
  ASSERT_TRUE(CreateTopic({kSchema, Encoding::kJson, first, second}).ok());
  auto remove = [&](const std::string& id) {
    EXPECT_TRUE(harness_.broker().DeleteSchemaRevision(std::string(kSchema) + "@" + id).ok());
  };
  remove(first);
  EXPECT_EQ(OfTopic().first_revision_id, second);
  remove(second);
  EXPECT_EQ(OfTopic().first_revision_id, third);
  EXPECT_EQ(OfTopic().last_revision_id, third);
  ASSERT_TRUE(harness_.CrashAndRestart().ok());
  EXPECT_EQ(OfTopic().first_revision_id, third);
}

}  // namespace
}  // namespace afluente::broker
