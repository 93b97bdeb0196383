// Publishes to topics with a schema or message transforms.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "broker/broker_harness.h"
#include "broker/schema_revision.h"
#include "broker/transform_chain.h"
#include "schema/text.h"

namespace afluente::broker {
namespace {

using schema::Concat;

constexpr char kSchema[] = "projects/p/schemas/order";
constexpr char kDefinition[] =
    R"({"type":"record","name":"Order","fields":[{"name":"id","type":"int"}]})";

MessageTransform Script(std::string name, std::string_view body) {
  MessageTransform transform;
  transform.code = Concat("function ", name, "(message, metadata) {\n", body, "\n}");
  transform.function_name = std::move(name);
  return transform;
}

class PublishRules : public ::testing::Test {
 protected:
  void Create(std::vector<MessageTransform> transforms, bool with_schema = false) {
    settings_.name = kTopic;
    settings_.transforms = std::move(transforms);
    if (with_schema) {
      SchemaRevision schema;
      schema.name = kSchema;
      schema.definition = kDefinition;
      auto created = harness_.broker().CreateSchema(schema);
      ASSERT_TRUE(created.ok()) << created.status();
      revision_id_ = created->revision_id;
      settings_.schema = SchemaSettings{kSchema, Encoding::kJson, "", ""};
    }
    auto created = harness_.broker().CreateTopic(settings_);
    ASSERT_TRUE(created.ok()) << created.status();
    harness_.Subscribe();
  }
  std::vector<event::Message> Pulled() {
    auto answer = harness_.Pull();
    std::vector<event::Message> messages;
    if (answer.value && answer.value->ok()) {
      for (const Delivered& each : **answer.value) messages.push_back(*each.message);
    }
    return messages;
  }

  BrokerHarness harness_;
  TopicSettings settings_;
  std::string revision_id_;
};

TEST_F(PublishRules, WhatFitsTheSchemaSaysItsRevision) {
  Create({}, true);
  ASSERT_TRUE(harness_.PublishTexts({R"({"id":7})"}).ok());
  std::vector<event::Message> pulled = Pulled();
  ASSERT_EQ(pulled.size(), 1u);
  EXPECT_EQ(pulled[0].attributes,
            (event::Attributes{{"googclient_schemaencoding", "JSON"},
                               {"googclient_schemaname", kSchema},
                               {"googclient_schemarevisionid", revision_id_}}));
}

TEST_F(PublishRules, OneThatDoesNotFitRefusesAllAndNamesTheField) {
  Create({}, true);
  auto ids = harness_.PublishTexts({R"({"id":7})", R"({"id":"x"})"});
  EXPECT_EQ(ids.status(),
            absl::InvalidArgumentError(Concat(
                "Invalid data in message: Message failed schema validation. Could not validate "
                "message with any schema revision for schema: ",
                kSchema, ", last checked revision: revision_id=", revision_id_,
                " failed with status: field \"id\": expected int, found the string \"x\"")));
  EXPECT_TRUE(Pulled().empty());
}

TEST_F(PublishRules, TransformsRunInTurnAndBeforeTheSchema) {
  Create({Script("wrap",
                 "return {data: JSON.stringify({id: Number(message.data)}), "
                 "attributes: message.attributes};"),
          Script("mark", "message.attributes.saw = message.data; return message;")},
         true);
  ASSERT_TRUE(harness_.Publish({Text("7", "key", {{"a", "1"}})}).ok());
  std::vector<event::Message> pulled = Pulled();
  ASSERT_EQ(pulled.size(), 1u);
  EXPECT_EQ(pulled[0].data, R"({"id":7})");
  EXPECT_EQ(pulled[0].ordering_key, "key");
  EXPECT_EQ(*event::FindAttribute(pulled[0].attributes, "a"), "1");
  EXPECT_EQ(*event::FindAttribute(pulled[0].attributes, "saw"), R"({"id":7})");
  EXPECT_TRUE(absl::IsInvalidArgument(harness_.PublishTexts({"no number"}).status()));
}

TEST_F(PublishRules, ADroppedMessageIsAnsweredWithAnIdOfItsOwn) {
  Create({Script("f", "return message.data === 'drop' ? null : message;")});
  auto ids = harness_.PublishTexts({"drop", "one", "drop", "two"});
  ASSERT_TRUE(ids.ok()) << ids.status();
  ASSERT_EQ(ids->size(), 4u);
  std::vector<event::Message> pulled = Pulled();
  ASSERT_EQ(pulled.size(), 2u);
  EXPECT_EQ(pulled[0].data, "one");
  EXPECT_EQ(pulled[0].message_id, (*ids)[1]);
  EXPECT_EQ(pulled[1].message_id, (*ids)[3]);
  EXPECT_NE((*ids)[0], (*ids)[2]);
  auto dropped = harness_.PublishTexts({"drop"});
  ASSERT_TRUE(dropped.ok());
  EXPECT_EQ(dropped->size(), 1u);
  EXPECT_FALSE(dropped->front().empty());
}

TEST_F(PublishRules, AThrowingTransformFailsThePublish) {
  Create({Script("f",
                 "if (message.data === 'bad') throw new Error('no ' + message.data);\n"
                 "return message;")});
  EXPECT_EQ(harness_.PublishTexts({"good", "bad"}).status(),
            absl::InvalidArgumentError("Message transform f: Error: no bad (line 2 column 53)"));
  EXPECT_TRUE(Pulled().empty());
  EXPECT_TRUE(harness_.PublishTexts({"good"}).ok());
}

TEST_F(PublishRules, WhatATransformMakesIsHeldToTheLimits) {
  Create({Script("f", "message.attributes['k'.repeat(300)] = 'v'; return message;")});
  EXPECT_TRUE(absl::IsInvalidArgument(harness_.PublishTexts({"x"}).status()));
}

TEST_F(PublishRules, AnUpdateChangesThemAndADisabledOneDoesNothing) {
  Create({Script("f", "return {data: 'first'};")});
  ASSERT_TRUE(harness_.PublishTexts({"x"}).ok());
  settings_.transforms = {Script("f", "return {data: 'second'};")};
  ASSERT_TRUE(harness_.broker().UpdateTopic(settings_).ok());
  ASSERT_TRUE(harness_.PublishTexts({"x"}).ok());
  settings_.transforms[0].disabled = true;
  ASSERT_TRUE(harness_.broker().UpdateTopic(settings_).ok());
  ASSERT_TRUE(harness_.PublishTexts({"third"}).ok());
  // As after a restart.
  settings_.transforms[0].disabled = false;
  ASSERT_TRUE(harness_.broker().UpdateTopic(settings_).ok());
  ASSERT_TRUE(harness_.CrashAndRestart(1000).ok());
  ASSERT_TRUE(harness_.PublishTexts({"x"}).ok());
  std::vector<std::string> texts;
  for (const event::Message& each : Pulled()) texts.push_back(each.data);
  EXPECT_EQ(texts, (std::vector<std::string>{"first", "second", "third", "second"}));
}

TEST_F(PublishRules, CodeThatDoesNotCompileIsRefused) {
  settings_.name = kTopic;
  settings_.transforms = {Script("f", "return (;")};
  absl::Status refused = absl::InvalidArgumentError(
      "Message transform f: SyntaxError: unexpected token in expression: ';' (line 2 column 9)");
  EXPECT_EQ(harness_.broker().CreateTopic(settings_).status(), refused);
  harness_.CreateTopic();
  EXPECT_EQ(harness_.broker().UpdateTopic(settings_).status(), refused);
  SubscriptionSettings subscription;
  subscription.name = kSubscription;
  subscription.topic = kTopic;
  subscription.transforms = settings_.transforms;
  EXPECT_EQ(harness_.broker().CreateSubscription(subscription).status(), refused);
}

TEST(ScriptTransforms, MakeWhatIsDelivered) {
  ScriptTransforms transforms;
  MessageTransform disabled = Script("f", "return null;");
  disabled.disabled = true;
  EXPECT_EQ(transforms.Make({disabled}), nullptr);
  auto transform = transforms.Make(
      {Script("f",
              "if (message.data === 'bad') throw 'no';\n"
              "return message.data === 'drop' ? null : {data: metadata.message_id};")});
  auto message = std::make_shared<event::Message>();
  message->data = "x";
  message->message_id = "17";
  message->sequence = 5;
  message->ordering_key = "key";
  auto made = transform->Transform(message);
  ASSERT_TRUE(made.ok());
  EXPECT_EQ((*made)->data, "17");
  EXPECT_EQ((*made)->message_id, "17");
  EXPECT_EQ((*made)->sequence, 5u);
  EXPECT_EQ((*made)->ordering_key, "key");
  EXPECT_EQ(message->data, "x");
  message->data = "drop";
  made = transform->Transform(message);
  ASSERT_TRUE(made.ok());
  EXPECT_EQ(*made, nullptr);
  message->data = "bad";
  EXPECT_EQ(transform->Transform(message).status(),
            absl::InvalidArgumentError("Message transform f: no"));
}

}  // namespace
}  // namespace afluente::broker
