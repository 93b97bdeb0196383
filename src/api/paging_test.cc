#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/answer_cache.h"
#include "api/cursor.h"
#include "api/entity_tag.h"
#include "api/rate_limiter.h"
#include "api/total_order.h"
#include "host/manual_clock.h"

namespace afluente::api {
namespace {

using testing::HasSubstr;
using testing::Not;

schema::Value Int(int64_t value) { return schema::Value(value); }

TEST(Cursor, OpensOnlyForWhatItWasMadeFor) {
  const Position position{{Int(-1), schema::Value(), schema::Value(std::string("a\0b", 3))}, 7};
  const std::string token = SignCursor("key", "question", position);
  EXPECT_THAT(token, testing::MatchesRegex("[A-Za-z0-9_-]+"));
  const auto opened = OpenCursor("key", "question", token, 3);
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(opened->keys, position.keys);
  EXPECT_EQ(opened->given, 7u);
  EXPECT_FALSE(OpenCursor("other", "question", token, 3).ok());
  EXPECT_FALSE(OpenCursor("key", "other", token, 3).ok());
  EXPECT_FALSE(OpenCursor("key", "question", token, 2).ok());
  for (size_t i = 0; i < token.size(); ++i) {
    std::string changed = token;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    const auto forged = OpenCursor("key", "question", changed, 3);
    // The last digit may hold bits that stand for nothing.
    EXPECT_TRUE(i + 1 == token.size() || !forged.ok()) << i;
    EXPECT_FALSE(OpenCursor("key", "question", token.substr(0, i), 3).ok()) << i;
  }
}

TEST(TotalOrder, PutsNullsWhereTheyBelong) {
  const std::vector<schema::Column> columns = {
      {"a", {schema::TypeKind::kInt64, {}}, schema::Mode::kNullable, ""},
      {"s", {schema::TypeKind::kString, {}}, schema::Mode::kNullable, ""}};
  const TotalOrder order(columns, {{0, true, false}});
  EXPECT_EQ(order.key_count(), 2u);
  const Position at{{Int(5), schema::Value()}, 2};
  const auto page = order.After("SELECT 1; ", &at, 11);
  EXPECT_THAT(page.sql, HasSubstr("FROM (\nSELECT 1\n) AS t"));
  EXPECT_THAT(page.sql, HasSubstr("(t.`a` < @_afluente_key_0 OR t.`a` IS NULL) OR (t.`a` = "
                                  "@_afluente_key_0 AND (FARM_FINGERPRINT(t.`s`) IS NOT NULL OR "
                                  "(FARM_FINGERPRINT(t.`s`) IS NULL AND (TRUE))))"));
  EXPECT_EQ(page.parameters.size(), 3u);  // NULL needs none
  EXPECT_THAT(order.After("SELECT 1", nullptr, 11).sql, Not(HasSubstr("WHERE")));
}

TEST(RateLimiter, RefillsEvenlyAndForgetsTheLongestUnused) {
  host::ManualClock clock;
  RateLimiter limiter(2, std::chrono::seconds(10), clock, 2);
  EXPECT_TRUE(limiter.Take("a").allowed);
  EXPECT_TRUE(limiter.Take("a").allowed);
  const auto refused = limiter.Take("a");
  EXPECT_FALSE(refused.allowed);
  EXPECT_EQ(refused.retry_after, std::chrono::seconds(5));
  EXPECT_EQ(refused.reset, std::chrono::seconds(10));
  clock.Advance(std::chrono::seconds(5));
  EXPECT_TRUE(limiter.Take("a").allowed);
  EXPECT_FALSE(limiter.Take("a").allowed);
  EXPECT_TRUE(limiter.Take("b").allowed);
  EXPECT_TRUE(limiter.Take("c").allowed);  // "a" goes
  EXPECT_TRUE(limiter.Take("a").allowed);
}

AnswerCache::Kept Answer(size_t bytes) {
  auto answer = std::make_shared<KeptAnswer>();
  answer->response.body.assign(bytes, 'x');
  return answer;
}

TEST(AnswerCache, IsBoundedAndMakesAnAnswerOnce) {
  AnswerCache cache(10'000);
  int given = 0;
  AnswerCache::Waiter first = [](AnswerCache::Kept) {};
  AnswerCache::Waiter second = [&](AnswerCache::Kept kept) {
    given += kept->response.body.size() == 4'000 ? 1 : 0;
  };
  EXPECT_TRUE(cache.Begin("a", first));
  EXPECT_FALSE(cache.Begin("a", second));
  cache.Finish("a", Answer(4'000), true);
  EXPECT_EQ(given, 1);
  EXPECT_NE(cache.Find("a"), nullptr);
  cache.Finish("b", Answer(4'000), true);
  EXPECT_NE(cache.Find("a"), nullptr);
  cache.Finish("c", Answer(4'000), true);
  EXPECT_EQ(cache.Find("b"), nullptr);  // used longest ago
  EXPECT_NE(cache.Find("a"), nullptr);
  cache.Finish("d", Answer(20'000), true);
  EXPECT_EQ(cache.Find("d"), nullptr);
  cache.Finish("e", Answer(10), false);
  EXPECT_EQ(cache.Find("e"), nullptr);
}

TEST(EntityTag, IsOfQuestionAndVersions) {
  const std::string tag = EntityTag("key", "q", {{{}, 1}});
  EXPECT_EQ(tag, EntityTag("key", "q", {{{}, 1}}));
  EXPECT_NE(tag, EntityTag("key", "q", {{{}, 2}}));
  EXPECT_NE(tag, EntityTag("key", "r", {{{}, 1}}));
  EXPECT_TRUE(NoneMatchNames(tag, tag));
  EXPECT_TRUE(NoneMatchNames(" * ", tag));
  EXPECT_TRUE(NoneMatchNames("\"x\", " + tag.substr(2), tag));
  EXPECT_FALSE(NoneMatchNames("\"x\", W/\"y\"", tag));
  EXPECT_FALSE(NoneMatchNames("\"", tag));
  EXPECT_FALSE(NoneMatchNames("", tag));
}

}  // namespace
}  // namespace afluente::api
