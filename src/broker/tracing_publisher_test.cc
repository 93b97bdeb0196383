#include "broker/tracing_publisher.h"

#include <gtest/gtest.h>

#include <optional>

#include "broker/limits.h"
#include "host/manual_clock.h"
#include "telemetry/metrics.h"
#include "telemetry/tracer.h"

namespace afluente::broker {
namespace {

constexpr char kTopic[] = "projects/p/topics/Data";
const std::string kParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

// Takes everything, or answers with an error.
class KeepingPublisher final : public Publisher {
 public:
  void Publish(std::string_view, std::vector<event::Draft> batch, Published done) override {
    taken = std::move(batch);
    if (!refusal.ok()) return done(refusal);
    std::vector<std::string> ids;
    for (size_t i = 0; i < taken.size(); ++i) ids.push_back(std::to_string(i + 1));
    done(std::move(ids));
  }
  absl::Status refusal;
  std::vector<event::Draft> taken;
};

class TracingPublisherTest : public ::testing::Test {
 protected:
  std::vector<telemetry::Span> Publish(std::vector<event::Draft> batch) {
    bool answered = false;
    publisher_.Publish(kTopic, std::move(batch), [&](auto) { answered = true; });
    EXPECT_TRUE(answered);
    return tracer_.Take(SIZE_MAX, std::chrono::milliseconds(0));
  }
  static std::optional<telemetry::TraceContext> ContextOf(const event::Draft& draft) {
    for (const auto& [key, value] : draft.attributes) {
      if (key == telemetry::kTraceAttribute) return telemetry::ParseTraceparent(value);
    }
    return std::nullopt;
  }

  host::ManualClock clock_;
  telemetry::Metrics metrics_;
  telemetry::Tracer tracer_{clock_, 1, metrics_};
  KeepingPublisher kept_;
  TracingPublisher publisher_{kept_, tracer_};
};

TEST_F(TracingPublisherTest, AMessageWithoutATraceGetsOne) {
  const auto spans = Publish({{"a", {}, ""}, {"b", {{"k", "v"}}, "key"}});
  ASSERT_EQ(spans.size(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    const auto context = ContextOf(kept_.taken[i]);
    ASSERT_TRUE(context);
    EXPECT_EQ(spans[i].context.trace_id, context->trace_id);
    EXPECT_EQ(spans[i].context.span_id, context->span_id);
    EXPECT_EQ(spans[i].parent_span_id, "");
    EXPECT_EQ(spans[i].name, "publish Data");
    EXPECT_EQ(spans[i].error, "");
  }
  EXPECT_NE(spans[0].context.trace_id, spans[1].context.trace_id);
  EXPECT_TRUE(CheckBatch(kept_.taken).ok());
}

TEST_F(TracingPublisherTest, APublishersTraceIsKept) {
  const auto spans = Publish({{"a", {{"googclient_traceparent", kParent}}, ""}});
  ASSERT_EQ(spans.size(), 1u);
  EXPECT_EQ(spans[0].context.trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(spans[0].parent_span_id, "00f067aa0ba902b7");
  EXPECT_EQ(kept_.taken[0].attributes, (event::Attributes{{"googclient_traceparent", kParent}}));
}

TEST_F(TracingPublisherTest, WhatIsNoTraceIsLeftAlone) {
  EXPECT_TRUE(Publish({{"a", {{"googclient_traceparent", "x"}}, ""}}).empty());
  EXPECT_EQ(kept_.taken[0].attributes, (event::Attributes{{"googclient_traceparent", "x"}}));
}

TEST_F(TracingPublisherTest, AMessageAtItsLimitsIsStillTaken) {
  event::Attributes full;
  for (size_t i = 0; i < kAttributesMax; ++i) full.emplace_back("k" + std::to_string(i), "v");
  EXPECT_TRUE(Publish({{"a", full, ""}}).empty());
  EXPECT_TRUE(CheckBatch(kept_.taken).ok());
  EXPECT_TRUE(Publish({{std::string(kPublishBytesMax, 'x'), {}, ""}}).empty());
  EXPECT_TRUE(CheckBatch(kept_.taken).ok());
}

TEST_F(TracingPublisherTest, ARefusalIsTheSpansError) {
  kept_.refusal = absl::UnavailableError("the disk refused");
  const auto spans = Publish({{"a", {}, ""}});
  ASSERT_EQ(spans.size(), 1u);
  EXPECT_EQ(spans[0].error, "the disk refused");
}

}  // namespace
}  // namespace afluente::broker
