#include "function/dead_letter_draft.h"

#include <gtest/gtest.h>

#include "broker/limits.h"

namespace afluente::function {
namespace {

TEST(DeadLetterDraft, CanBePublishedThoughItsMessageHadASchema) {
  event::Message message;
  message.data = "d";
  message.attributes = {{"a", "1"},
                        {"googclient_schemaencoding", "JSON"},
                        {"googclient_schemaname", "projects/p/schemas/s"},
                        {"googclient_traceparent", "t"}};
  std::vector<event::Draft> batch = {DeadLetterDraft(message, "projects/p/topics/t", "store", 3)};
  EXPECT_TRUE(broker::CheckBatch(batch).ok());
  EXPECT_EQ(*event::FindAttribute(batch[0].attributes, "a"), "1");
  EXPECT_EQ(*event::FindAttribute(batch[0].attributes, "CloudPubSubDeadLetterSourceDeliveryCount"),
            "3");
  EXPECT_EQ(*event::FindAttribute(batch[0].attributes, "googclient_traceparent"), "t");
  EXPECT_EQ(batch[0].attributes.size(), 6u);
}

}  // namespace
}  // namespace afluente::function
