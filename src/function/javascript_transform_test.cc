#include "function/javascript_transform.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace afluente::function {
namespace {

using ::testing::HasSubstr;

Outcome OutcomeOf(std::string_view code, std::string data = R"({"a": 5})", int64_t attempt = 1) {
  auto script = script::JavaScript::Compile("f", code, script::Limits());
  EXPECT_TRUE(script.ok()) << script.status();
  const std::vector<schema::Column> columns = {
      {"a", {schema::TypeKind::kInt64, {}}, schema::Mode::kRequired, ""}};
  JavascriptTransform transform(*std::move(script),
                                JsonRows(columns, event::UnknownFields::kReject));
  EXPECT_TRUE(transform.immediate());
  auto message = std::make_shared<event::Message>();
  message->data = std::move(data);
  message->message_id = "17";
  auto decisions = transform.Run({{std::move(message), attempt}});
  EXPECT_EQ(decisions.size(), 1u);
  return std::move(decisions[0].outcome);
}

TEST(JavascriptTransformTest, WhatIsReturnedAreRows) {
  const Outcome one = OutcomeOf("function f(m) { return JSON.parse(m.data); }");
  ASSERT_EQ(one.kind, Outcome::Kind::kRows);
  EXPECT_EQ(one.rows[0][0], schema::Value(int64_t{5}));
  EXPECT_EQ(OutcomeOf("function f(m) { return [{a: 1}, {a: 2}]; }").rows.size(), 2u);
  EXPECT_EQ(OutcomeOf("function f(m) { return []; }").kind, Outcome::Kind::kDropped);
  EXPECT_EQ(OutcomeOf("function f(m) { return null; }").kind, Outcome::Kind::kDropped);
}

TEST(JavascriptTransformTest, TheAttemptsNumberIsKnown) {
  const Outcome third =
      OutcomeOf("function f(m, metadata) { return {a: metadata.delivery_attempt}; }", "", 3);
  EXPECT_EQ(third.rows[0][0], schema::Value(int64_t{3}));
}

TEST(JavascriptTransformTest, AThrowFailsTheAttemptAndARowThatDoesNotFitFailsForGood) {
  const Outcome thrown = OutcomeOf("function f(m) { throw new Error('not yet'); }");
  EXPECT_EQ(thrown.kind, Outcome::Kind::kAttemptFailed);
  EXPECT_THAT(thrown.error, HasSubstr("not yet"));
  const Outcome endless = OutcomeOf("function f(m) { while (true) {} }");
  EXPECT_EQ(endless.kind, Outcome::Kind::kAttemptFailed);
  const Outcome wrong = OutcomeOf("function f(m) { return {a: 'x'}; }");
  EXPECT_EQ(wrong.kind, Outcome::Kind::kFailed);
  EXPECT_THAT(wrong.error, HasSubstr("a"));
}

}  // namespace
}  // namespace afluente::function
