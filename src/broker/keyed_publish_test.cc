#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/broker_harness.h"

namespace afluente::broker {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class KeyedPublishTest : public ::testing::Test {
 protected:
  KeyedPublishTest() {
    harness_.CreateTopic();
    harness_.Subscribe();
  }
  absl::Status Publish(std::string key, std::string data) {
    // Shared: a call that the disk holds answers later.
    auto answer = std::make_shared<absl::Status>(absl::UnknownError("not answered"));
    harness_.broker().PublishKeyed(kTopic, std::move(key), Text(std::move(data)),
                                   [answer](absl::Status status) { *answer = status; });
    harness_.Settle();
    return *answer;
  }
  absl::Status Forget(std::vector<std::string> keys) {
    auto answer = std::make_shared<absl::Status>(absl::UnknownError("not answered"));
    harness_.broker().ForgetKeys(std::move(keys),
                                 [answer](absl::Status status) { *answer = status; });
    harness_.Settle();
    return *answer;
  }

  BrokerHarness harness_;
};

TEST_F(KeyedPublishTest, AKeyPublishesOnceUntilItIsForgotten) {
  ASSERT_TRUE(Publish("k1", "a").ok());
  ASSERT_TRUE(Publish("k1", "a again").ok());
  ASSERT_TRUE(Publish("k2", "b").ok());
  EXPECT_THAT(harness_.Pull().texts(), ElementsAre("a", "b"));
  EXPECT_THAT(harness_.broker().Keys(), ElementsAre("k1", "k2"));
  ASSERT_TRUE(Forget({"k1", "unknown"}).ok());
  ASSERT_TRUE(Publish("k1", "c").ok());
  EXPECT_THAT(harness_.Pull().texts(), ElementsAre("c"));
}

TEST_F(KeyedPublishTest, AKeyIsKnownAfterACrash) {
  ASSERT_TRUE(Publish("k1", "a").ok());
  ASSERT_TRUE(harness_.CrashAndRestart().ok());
  ASSERT_TRUE(Publish("k1", "a again").ok());
  ASSERT_TRUE(harness_.PublishTexts({"b"}).ok());
  EXPECT_THAT(harness_.Pull().texts(), ElementsAre("a", "b"));
  ASSERT_TRUE(Forget({"k1"}).ok());
  ASSERT_TRUE(harness_.CrashAndRestart().ok());
  EXPECT_THAT(harness_.broker().Keys(), IsEmpty());
}

TEST_F(KeyedPublishTest, WhatTheDiskRefusedMayBeAskedForAgain) {
  harness_.journal().Refuse(absl::UnavailableError("gone"));
  EXPECT_TRUE(absl::IsUnavailable(Publish("k1", "a")));
  harness_.journal().Refuse(absl::OkStatus());
  ASSERT_TRUE(Publish("k1", "a").ok());
  EXPECT_THAT(harness_.Pull().texts(), ElementsAre("a"));
}

TEST_F(KeyedPublishTest, WithoutItsTopicNothingIsRemembered) {
  ASSERT_TRUE(harness_.broker().DeleteTopic(kTopic).ok());
  EXPECT_TRUE(absl::IsNotFound(Publish("k1", "a")));
  EXPECT_THAT(harness_.broker().Keys(), IsEmpty());
}

}  // namespace
}  // namespace afluente::broker
