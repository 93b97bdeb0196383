#include "function/http_transform.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace afluente::function {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Keeps what is sent until the test answers it.
class ManualPool final : public http::ConnectionPool {
 public:
  void Send(http::OutgoingRequest request, std::chrono::milliseconds timeout,
            Answered done) override {
    requests.push_back(std::move(request));
    timeouts.push_back(timeout);
    waiting.push_back(std::move(done));
  }
  void Answer(size_t i, absl::StatusOr<http::Response> answer) { waiting[i](std::move(answer)); }

  std::vector<http::OutgoingRequest> requests;
  std::vector<std::chrono::milliseconds> timeouts;
  std::vector<Answered> waiting;
};

class HttpTransformTest : public ::testing::Test {
 protected:
  HttpTransform& Make(HttpTransformOptions options = {}) {
    options.target.url = "http://f.example/";
    options.concurrency = 4;
    const std::vector<schema::Column> columns = {
        {"a", {schema::TypeKind::kInt64, {}}, schema::Mode::kRequired, ""}};
    transform_ = std::make_unique<HttpTransform>(options, pool_,
                                                 JsonRows(columns, event::UnknownFields::kReject));
    return *transform_;
  }
  static std::vector<Attempt> Attempts(size_t count) {
    std::vector<Attempt> attempts;
    for (size_t i = 0; i < count; ++i) {
      auto message = std::make_shared<event::Message>();
      message->message_id = std::to_string(i);
      attempts.push_back({std::move(message), 1});
    }
    return attempts;
  }
  // What the transform makes of one answer.
  Outcome OutcomeOf(absl::StatusOr<http::Response> answer, HttpTransformOptions options = {}) {
    HttpTransform& transform = Make(std::move(options));
    EXPECT_THAT(transform.Run(Attempts(1)), IsEmpty());
    pool_.Answer(pool_.waiting.size() - 1, std::move(answer));
    auto decisions = transform.Run({});
    EXPECT_EQ(decisions.size(), 1u);
    return decisions.empty() ? Outcome{} : std::move(decisions[0].outcome);
  }
  static http::Response Answer(int status, std::string body) {
    return http::Response::Text(status, "application/json", std::move(body));
  }

  ManualPool pool_;
  std::unique_ptr<HttpTransform> transform_;
};

TEST_F(HttpTransformTest, AnswersAreGivenAsTheyComeAndCapacityFollows) {
  HttpTransform& transform = Make();
  EXPECT_FALSE(transform.immediate());
  int told = 0;
  transform.OnDecided([&] { ++told; });
  EXPECT_EQ(transform.capacity(), 4u);
  EXPECT_THAT(transform.Run(Attempts(3)), IsEmpty());
  EXPECT_EQ(pool_.timeouts[0], std::chrono::milliseconds(30'000));
  EXPECT_EQ(transform.capacity(), 1u);
  pool_.Answer(2, Answer(200, R"([{"a": 1}])"));
  EXPECT_EQ(told, 1);
  EXPECT_EQ(transform.capacity(), 1u) << "an answer that is not taken takes room";
  const auto decisions = transform.Run({});
  ASSERT_EQ(decisions.size(), 1u);
  EXPECT_EQ(decisions[0].attempt.message->message_id, "2");
  EXPECT_EQ(transform.capacity(), 2u);
}

TEST_F(HttpTransformTest, WhatAnAnswerMeans) {
  EXPECT_EQ(OutcomeOf(Answer(200, R"([{"a": 1}, {"a": 2}])")).rows.size(), 2u);
  EXPECT_EQ(OutcomeOf(Answer(200, " []")).kind, Outcome::Kind::kDropped);
  EXPECT_EQ(OutcomeOf(Answer(204, "")).kind, Outcome::Kind::kSelfStored);
  EXPECT_EQ(OutcomeOf(Answer(200, "OK")).kind, Outcome::Kind::kSelfStored);
  EXPECT_EQ(OutcomeOf(Answer(299, "\n")).kind, Outcome::Kind::kSelfStored);
}

TEST_F(HttpTransformTest, WhatFailsAnAttempt) {
  const auto expect = [&](absl::StatusOr<http::Response> answer, const char* part,
                          HttpTransformOptions options = {}) {
    const Outcome outcome = OutcomeOf(std::move(answer), std::move(options));
    EXPECT_EQ(outcome.kind, Outcome::Kind::kAttemptFailed) << part;
    EXPECT_THAT(outcome.error, HasSubstr(part));
  };
  expect(absl::UnavailableError("nobody listens"), "nobody listens");
  expect(Answer(500, std::string(300, 'x')), "500: xxx");
  expect(Answer(301, ""), "301");
  expect(Answer(199, ""), "199");
  expect(Answer(200, R"({"a": 1})"), "JSON array");
  expect(Answer(200, "fine"), "JSON array");
  expect(Answer(200, R"([{"a": 1}, {"a": "x"}])"), "row 1");
  expect(Answer(200, R"([{"a": 1})"), "JSON");
  HttpTransformOptions small;
  small.response_bytes_max = 10;
  expect(Answer(200, R"([{"a": 1}])"), "10 bytes", small);
  HttpTransformOptions without;
  without.takes_rows = false;
  expect(Answer(200, R"([{"a": 1}])"), "no table", without);
}

TEST_F(HttpTransformTest, AnAnswerMayComeWhenTheTransformIsGone) {
  Make().Run(Attempts(1));
  transform_.reset();
  pool_.Answer(0, Answer(200, "[]"));
}

}  // namespace
}  // namespace afluente::function
