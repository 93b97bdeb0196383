#include "broker/wire/path_template.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace afluente::broker::wire {
namespace {

using Captures = PathTemplate::Captures;

std::optional<Captures> Match(const std::string& pattern, const std::string& path) {
  const auto parsed = PathTemplate::Parse(pattern);
  EXPECT_TRUE(parsed.ok()) << parsed.status();
  return parsed->Match(path);
}

constexpr char kTopic[] = "/v1/{topic=projects/*/topics/*}";
constexpr char kPublish[] = "/v1/{topic=projects/*/topics/*}:publish";

TEST(PathTemplateTest, CapturesSeveralSegments) {
  EXPECT_EQ(Match(kTopic, "/v1/projects/p/topics/t"), (Captures{{"topic", "projects/p/topics/t"}}));
  EXPECT_EQ(Match("/v1/{topic.name=projects/*/topics/*}", "/v1/projects/p/topics/t"),
            (Captures{{"topic.name", "projects/p/topics/t"}}));
  EXPECT_EQ(Match("/v1/{project=projects/*}/topics", "/v1/projects/p/topics"),
            (Captures{{"project", "projects/p"}}));
  EXPECT_EQ(Match("/v1/{a}/x/{b}", "/v1/1/x/2"), (Captures{{"a", "1"}, {"b", "2"}}));
  EXPECT_EQ(Match("/v1/{resource=**}:verb", "/v1/a/b/c:verb"), (Captures{{"resource", "a/b/c"}}));
}

TEST(PathTemplateTest, AVerbIsTheTextAfterTheLastColon) {
  EXPECT_EQ(Match(kPublish, "/v1/projects/p/topics/t:publish"),
            (Captures{{"topic", "projects/p/topics/t"}}));
  EXPECT_EQ(Match(kPublish, "/v1/projects/example.com:p/topics/t:publish"),
            (Captures{{"topic", "projects/example.com:p/topics/t"}}));
  EXPECT_FALSE(Match(kPublish, "/v1/projects/p/topics/t"));
  EXPECT_FALSE(Match(kPublish, "/v1/projects/p/topics/t:pull"));
  EXPECT_FALSE(Match(kPublish, "/v1/projects/p/topics/:publish"));
}

TEST(PathTemplateTest, RefusesOtherShapes) {
  for (const char* path :
       {"", "/", "v1/projects/p/topics/t", "/v1/projects/p/topics", "/v1/projects/p/topics/",
        "/v1/projects//topics/t", "/v1/projects/p/topics/t/x", "/v2/projects/p/topics/t",
        "/v1/projects/p/topics/t/", "//v1/projects/p/topics/t"})
    EXPECT_FALSE(Match(kTopic, path)) << path;
}

TEST(PathTemplateTest, DecodesOnceAndKeepsSlashesInside) {
  EXPECT_EQ(Match(kTopic, "/v1/projects/p/topics/a%2Bb%2525"),
            (Captures{{"topic", "projects/p/topics/a+b%25"}}));
  EXPECT_EQ(Match(kTopic, "/v1/projects/p/topics/a%2Fb"),
            (Captures{{"topic", "projects/p/topics/a%2Fb"}}));
  EXPECT_EQ(Match("/v1/{name}", "/v1/a%2fb"), (Captures{{"name", "a/b"}}));
  for (const char* bad : {"%", "%1", "%zz", "x%2"})
    EXPECT_FALSE(Match(kTopic, std::string("/v1/projects/p/topics/") + bad)) << bad;
}

TEST(PathTemplateTest, RefusesMalformedPatterns) {
  for (const char* pattern :
       {"v1/x", "/v1/{x", "/v1/{}", "/v1//x", "/v1/x/", "/v1/{x=a//b}", "/v1/**/x", "/v1/{x}y"})
    EXPECT_FALSE(PathTemplate::Parse(pattern).ok()) << pattern;
}

}  // namespace
}  // namespace afluente::broker::wire
