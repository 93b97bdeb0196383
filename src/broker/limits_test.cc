#include "broker/limits.h"

#include <string>

#include "broker/schema_revision.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace afluente::broker {
namespace {

using ::testing::HasSubstr;

absl::Status CheckOne(event::Draft draft) {
  std::vector<event::Draft> batch;
  batch.push_back({"good", {}, ""});
  batch.push_back(std::move(draft));
  return CheckBatch(batch);
}

TEST(Limits, MessagesAtTheLimitPassAndOverItAreRefused) {
  EXPECT_TRUE(CheckOne({"", {{"k", ""}}, ""}).ok());
  EXPECT_TRUE(CheckOne({"x", {{std::string(256, 'k'), std::string(1024, 'v')}}, ""}).ok());
  EXPECT_TRUE(CheckOne({"x", {}, std::string(1024, 'o')}).ok());
  event::Attributes hundred;
  for (int i = 0; i < 100; ++i) hundred.emplace_back("k" + std::to_string(i), "v");
  EXPECT_TRUE(CheckOne({"x", hundred, ""}).ok());
  EXPECT_TRUE(CheckOne({"x", {{"googclient_traceparent", "v"}}, ""}).ok());
  hundred.emplace_back("one-more", "v");
  const event::Draft bad[] = {
      {"", {}, ""},
      {"x", {{std::string(257, 'k'), "v"}}, ""},
      {"x", {{"k", std::string(1025, 'v')}}, ""},
      {"x", {}, std::string(1025, 'o')},
      {"x", {{"", "v"}}, ""},
      {"x", {{"google", "v"}}, ""},
      {"x", {{"googclient_schemaname", "v"}}, ""},
      {"x", {{"k", "\xff"}}, ""},
      {"x", {{"\xc0\x80", "v"}}, ""},
      {"x", {}, "\xed\xa0\x80"},
      {"x", {{"k", "1"}, {"k", "2"}}, ""},
      {"x", hundred, ""},
  };
  for (const event::Draft& each : bad) {
    absl::Status status = CheckOne(each);
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("Message 1 "));
  }
}

TEST(Limits, ARequestHasAtMostAThousandMessagesAndTenMegabytes) {
  std::vector<event::Draft> batch(1000, event::Draft{"x", {}, ""});
  EXPECT_TRUE(CheckBatch(batch).ok());
  batch.push_back({"x", {}, ""});
  EXPECT_TRUE(absl::IsInvalidArgument(CheckBatch(batch)));
  std::vector<event::Draft> large;
  large.push_back({std::string(kPublishBytesMax, 'x'), {}, ""});
  EXPECT_TRUE(CheckBatch(large).ok());
  large[0].ordering_key = "k";
  EXPECT_TRUE(absl::IsInvalidArgument(CheckBatch(large)));
  std::vector<event::Draft> none;
  EXPECT_TRUE(absl::IsInvalidArgument(CheckBatch(none)));
}

TEST(Limits, AttributesAreSorted) {
  std::vector<event::Draft> batch;
  batch.push_back({"x", {{"b", "1"}, {"a", "2"}}, ""});
  ASSERT_TRUE(CheckBatch(batch).ok());
  EXPECT_EQ(batch[0].attributes[0].first, "a");
}

TEST(Limits, Names) {
  EXPECT_TRUE(CheckTopicName("projects/p/topics/abc").ok());
  EXPECT_TRUE(CheckTopicName("projects/example.com:p/topics/A-_.~+%9").ok());
  EXPECT_TRUE(CheckTopicName("projects/p/topics/a" + std::string(254, 'b')).ok());
  for (const std::string& bad :
       {std::string(""), std::string("abc"), std::string("projects//topics/abc"),
        std::string("projects/p/topics/ab"), std::string("projects/p/topics/1abc"),
        std::string("projects/p/topics/googabc"), std::string("projects/p/topics/a/bc"),
        std::string("projects/p/topics/abc "), std::string("projects/p/topics"),
        std::string("projects/p/subscriptions/abc"), std::string("projects/p/topicsabc"),
        "projects/p/topics/a" + std::string(255, 'b'), std::string("projects/p/topics/ab\xc3\xa9"),
        std::string("projects/p/topics/abc\0d", 23)}) {
    absl::Status status = CheckTopicName(bad);
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << bad;
    EXPECT_THAT(std::string(status.message()), HasSubstr(bad));
  }
  EXPECT_TRUE(CheckSubscriptionName("projects/p/subscriptions/abc").ok());
  EXPECT_FALSE(CheckSubscriptionName("projects/p/topics/abc").ok());
}

TEST(Limits, SubscriptionSettings) {
  SubscriptionSettings good;
  good.name = "projects/p/subscriptions/abc";
  good.ack_deadline = std::chrono::seconds(0);
  ASSERT_TRUE(CheckSubscription(good).ok());
  EXPECT_EQ(good.ack_deadline, std::chrono::seconds(10));
  auto refused = [&](auto change) {
    SubscriptionSettings settings = good;
    change(settings);
    absl::Status status = CheckSubscription(settings);
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(good.name));
  };
  using std::chrono::seconds;
  refused([](auto& s) { s.ack_deadline = seconds(9); });
  refused([](auto& s) { s.ack_deadline = seconds(601); });
  refused([](auto& s) { s.ack_deadline = seconds(-1); });
  refused([](auto& s) { s.message_retention = seconds(599); });
  refused([](auto& s) { s.message_retention = seconds(31 * 24 * 3600 + 1); });
  refused([](auto& s) { s.expiration_ttl = seconds(3600); });
  refused([](auto& s) { s.filter = std::string(257, 'x'); });
  refused([](auto& s) { s.labels[""] = "x"; });
  refused([](auto& s) { s.labels["Team"] = "x"; });
  refused([](auto& s) { s.labels["1st"] = "x"; });
  refused([](auto& s) { s.labels["a"] = "with space"; });
  refused([](auto& s) { s.labels["a"] = std::string(64, 'x'); });
  refused([](auto& s) { s.dead_letter_policy = DeadLetterPolicy{"projects/p/topics/dead", 4}; });
  refused([](auto& s) { s.dead_letter_policy = DeadLetterPolicy{"projects/p/topics/dead", 101}; });
  refused([](auto& s) { s.retry_policy = RetryPolicy{seconds(2), seconds(1)}; });
  refused([](auto& s) { s.retry_policy = RetryPolicy{seconds(-1), seconds(1)}; });
  refused([](auto& s) { s.retry_policy = RetryPolicy{seconds(1), seconds(601)}; });
}

TEST(Limits, WhereMessagesGo) {
  SubscriptionSettings good;
  good.name = "projects/p/subscriptions/abc";
  auto code = [&](auto change) {
    SubscriptionSettings settings = good;
    change(settings);
    return CheckSubscription(settings).code();
  };
  auto push = [&](const std::string& endpoint) {
    return code([&](auto& s) { s.push.emplace().endpoint = endpoint; });
  };
  using absl::StatusCode;
  EXPECT_EQ(push("https://a.example/push?x=1"), StatusCode::kOk);
  EXPECT_EQ(push("http://127.0.0.1:8080"), StatusCode::kOk);
  for (const char* bad : {"", "a.example", "ftp://a.example", "https://", "https:///path",
                          "https://a b.example", "https://user@a.example", "https://a.example/#x"})
    EXPECT_EQ(push(bad), StatusCode::kInvalidArgument) << bad;
  auto table = [&](const std::string& name) {
    return code([&](auto& s) { s.bigquery.emplace().table = name; });
  };
  EXPECT_EQ(table("p.d.t"), StatusCode::kOk);
  EXPECT_EQ(table("a.example:p.d_1.t-1"), StatusCode::kOk);
  for (const char* bad : {"", "t", "d.t", "p..t", "p.d.", "p.d-1.t", "p/x.d.t"})
    EXPECT_EQ(table(bad), StatusCode::kInvalidArgument) << bad;
  EXPECT_EQ(code([](auto& s) { s.bigquery = {"p.d.t", true, true, false, false, ""}; }),
            StatusCode::kInvalidArgument);
  auto to_push = [](auto& s) { s.push.emplace().endpoint = "https://a.example"; };
  EXPECT_EQ(code([&](auto& s) { to_push(s), s.enable_exactly_once_delivery = true; }),
            StatusCode::kInvalidArgument);
  EXPECT_EQ(code([&](auto& s) { to_push(s), s.bigquery.emplace().table = "p.d.t"; }),
            StatusCode::kInvalidArgument);
  EXPECT_EQ(code([&](auto& s) { to_push(s), s.push->attributes["x-goog-version"] = "v1"; }),
            StatusCode::kOk);
  EXPECT_EQ(code([&](auto& s) { to_push(s), s.push->attributes["x-goog-version"] = "v1beta1"; }),
            StatusCode::kUnimplemented);
  EXPECT_EQ(code([&](auto& s) { to_push(s), s.push->attributes["other"] = "v1"; }),
            StatusCode::kInvalidArgument);
  EXPECT_EQ(code([&](auto& s) { to_push(s), s.push->oidc_token = OidcToken{"nobody", ""}; }),
            StatusCode::kInvalidArgument);
}

TEST(Limits, TopicsTransformsAndSchemas) {
  TopicSettings good;
  good.name = "projects/p/topics/abc";
  ASSERT_TRUE(CheckTopic(good).ok());
  auto refused = [&](auto change) {
    TopicSettings settings = good;
    change(settings);
    EXPECT_TRUE(absl::IsInvalidArgument(CheckTopic(settings)));
  };
  using std::chrono::seconds;
  refused([](auto& s) { s.message_retention = seconds(599); });
  refused([](auto& s) { s.message_retention = seconds(31 * 24 * 3600 + 1); });
  refused([](auto& s) { s.transforms.assign(1, {"1f", "code", false}); });
  refused([](auto& s) { s.transforms.assign(1, {"f", "", false}); });
  refused([](auto& s) { s.transforms.assign(1, {"f", std::string(20'001, 'x'), false}); });
  refused([](auto& s) { s.transforms.assign(2, {"f", "code", false}); });
  refused([](auto& s) {
    for (char c = 'a'; c < 'g'; ++c) s.transforms.push_back({std::string(1, c), "code", false});
  });
  refused([](auto& s) { s.schema = SchemaSettings{"abc", Encoding::kJson, "", ""}; });
  refused([](auto& s) {
    s.schema = SchemaSettings{"projects/p/schemas/abc", Encoding::kUnspecified, "", ""};
  });
  SchemaRevision schema{"projects/p/schemas/abc", schema::SchemaLanguage::kAvro, "x", "", {}};
  EXPECT_TRUE(CheckSchema(schema).ok());
  schema.definition = std::string(300'000, 'x');
  EXPECT_TRUE(CheckSchema(schema).ok());
  schema.definition += 'x';
  EXPECT_TRUE(absl::IsInvalidArgument(CheckSchema(schema)));
  schema.definition = "";
  EXPECT_TRUE(absl::IsInvalidArgument(CheckSchema(schema)));
  EXPECT_TRUE(CheckAckIds({std::string(kAckIdsBytesMax, 'x')}).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(CheckAckIds({std::string(kAckIdsBytesMax, 'x'), "x"})));
  EXPECT_TRUE(CheckResourceName("projects/p/snapshots/abc").ok());
  EXPECT_TRUE(absl::IsInvalidArgument(CheckResourceName("projects/p/snapshots/abc@1")));
}

TEST(Limits, Utf8) {
  for (const char* good : {"", "abc", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x8c\x8a",
                           "\xf4\x8f\xbf\xbf", "\xee\x80\x80"})
    EXPECT_TRUE(IsValidUtf8(good)) << good;
  for (const char* bad :
       {"\x80", "\xc3", "\xc1\x81", "\xe0\x80\x80", "\xe2\x82", "\xf0\x80\x80\x80",
        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xed\xbf\xbf", "a\xff", "\xc3x"})
    EXPECT_FALSE(IsValidUtf8(bad));
}

}  // namespace
}  // namespace afluente::broker
