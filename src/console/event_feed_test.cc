#include "console/event_feed.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "http/body_stream.h"

namespace afluente::console {
namespace {

std::string Taken(http::BodyStream& stream) {
  std::string bytes;
  stream.Take(bytes);
  return bytes;
}

TEST(EventFeedTest, SendsWhatWasAskedForAndChanged) {
  EventFeed feed;
  auto stream = std::make_shared<http::BodyStream>();
  ASSERT_TRUE(feed.Join({"a/"}, stream).ok());
  EXPECT_EQ(Taken(*stream), "retry: 1000\n\n");
  feed.Send(7, {{"a/x", 1.5f}, {"b/y", 2.f}, {"a/\"", std::numeric_limits<float>::quiet_NaN()}});
  EXPECT_EQ(Taken(*stream), "data: {\"second\":7,\"values\":{\"a/x\":1.5}}\n\n");
  feed.Send(8, {{"a/x", 1.5f}, {"a/z", 0.f}});
  EXPECT_EQ(Taken(*stream), "data: {\"second\":8,\"values\":{\"a/z\":0}}\n\n");
  feed.Send(9, {{"a/x", 1.f}, {"a/z", 0.f}});
  EXPECT_EQ(Taken(*stream), "data: {\"second\":9,\"values\":{\"a/x\":1}}\n\n");
}

TEST(EventFeedTest, DropsWhoIsTooSlowAndKeepsTheOthers) {
  EventFeed feed;
  auto slow = std::make_shared<http::BodyStream>(40);
  auto good = std::make_shared<http::BodyStream>();
  ASSERT_TRUE(feed.Join({"a"}, slow).ok());
  ASSERT_TRUE(feed.Join({"a"}, good).ok());
  feed.Send(1, {{"a", 1.f}});
  feed.Send(2, {{"a", 2.f}});
  std::string bytes;
  EXPECT_EQ(slow->Take(bytes), http::BodyStream::State::kAborted);
  EXPECT_NE(Taken(*good).find("{\"a\":2}"), std::string::npos);
}

TEST(EventFeedTest, ListenersAreBoundedAndEndWithIt) {
  EventFeed feed;
  auto first = std::make_shared<http::BodyStream>();
  ASSERT_TRUE(feed.Join({}, first).ok());
  for (size_t i = 1; i < EventFeed::kListenersMax; ++i)
    ASSERT_TRUE(feed.Join({}, std::make_shared<http::BodyStream>()).ok());
  EXPECT_TRUE(absl::IsResourceExhausted(feed.Join({}, std::make_shared<http::BodyStream>())));
  feed.Stop();
  std::string bytes;
  EXPECT_EQ(first->Take(bytes), http::BodyStream::State::kEnded);
  EXPECT_TRUE(absl::IsUnavailable(feed.Join({}, std::make_shared<http::BodyStream>())));
}

}  // namespace
}  // namespace afluente::console
