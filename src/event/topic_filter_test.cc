#include "event/topic_filter.h"

#include <gtest/gtest.h>

namespace afluente::event {
namespace {

TEST(TopicFilter, Form) {
  for (const char* good : {"a", "/", "a/b", "+", "#", "+/+", "a/+/b/#", "/a", "a//b"}) {
    EXPECT_TRUE(IsTopicFilter(good)) << good;
  }
  for (const char* bad : {"", "a+", "#/a", "a/#b", "a/b+/c", "$SYS/#", "\xff"}) {
    EXPECT_FALSE(IsTopicFilter(bad)) << bad;
  }
}

TEST(TopicFilter, MatchesByLevels) {
  EXPECT_TRUE(MatchesTopicFilter("devices/+/telemetry", "devices/7/telemetry"));
  EXPECT_FALSE(MatchesTopicFilter("devices/+/telemetry", "devices/7/8/telemetry"));
  EXPECT_FALSE(MatchesTopicFilter("devices/+/telemetry", "devices/7"));
  EXPECT_TRUE(MatchesTopicFilter("a/#", "a"));
  EXPECT_TRUE(MatchesTopicFilter("a/#", "a/b/c"));
  EXPECT_FALSE(MatchesTopicFilter("a/#", "ab"));
  EXPECT_TRUE(MatchesTopicFilter("+/+", "/x"));
  EXPECT_FALSE(MatchesTopicFilter("+", "/x"));
  EXPECT_TRUE(MatchesTopicFilter("#", "a/b"));
  EXPECT_FALSE(MatchesTopicFilter("#", "$SYS/broker"));
  EXPECT_FALSE(MatchesTopicFilter("#", ""));
}

TEST(TopicFilter, TheMoreSpecificGoesFirst) {
  EXPECT_TRUE(IsMoreSpecific("a/b", "a/+"));
  EXPECT_TRUE(IsMoreSpecific("a/+", "a/#"));
  EXPECT_TRUE(IsMoreSpecific("a/+/c", "+/b/c"));
  EXPECT_TRUE(IsMoreSpecific("a", "a/#") || IsMoreSpecific("a/#", "a"));
  EXPECT_FALSE(IsMoreSpecific("#", "a"));
  EXPECT_FALSE(IsMoreSpecific("a", "a"));
}

}  // namespace
}  // namespace afluente::event
