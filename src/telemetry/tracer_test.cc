#include "telemetry/tracer.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "host/manual_clock.h"
#include "telemetry/metric_names.h"
#include "telemetry/metrics.h"

namespace afluente::telemetry {
namespace {

using std::chrono::milliseconds;

uint64_t Count(const Metrics& metrics, const std::string& outcome) {
  for (const auto& [labels, value] : metrics.Counters(kTraceSpans)) {
    if (labels == Labels{{"outcome", outcome}}) return value;
  }
  return 0;
}

Span Named(const TraceContext& context, std::string name) {
  Span span;
  span.context = context;
  span.name = std::move(name);
  return span;
}

TEST(Tracer, AFullQueueDropsAndCounts) {
  host::ManualClock clock;
  Metrics metrics;
  Tracer tracer(clock, 1, metrics);
  for (size_t i = 0; i < Tracer::kWaitingMax + 3; ++i) tracer.End(Named(tracer.Begin(), "x"));
  EXPECT_EQ(Count(metrics, "queue_full"), 3u);
  EXPECT_EQ(tracer.Take(10, milliseconds(0)).size(), 10u);
  EXPECT_EQ(tracer.Take(SIZE_MAX, milliseconds(0)).size(), Tracer::kWaitingMax - 10);
  EXPECT_TRUE(tracer.Take(SIZE_MAX, milliseconds(0)).empty());
}

TEST(Tracer, TheShareThatIsAskedForIsSampled) {
  host::ManualClock clock;
  Metrics metrics;
  for (const auto& [ratio, sampled] : {std::pair(0.0, 0), std::pair(1.0, 1'000)}) {
    const Tracer tracer(clock, ratio, metrics);
    int count = 0;
    for (int i = 0; i < 1'000; ++i) count += tracer.Begin().sampled;
    EXPECT_EQ(count, sampled);
  }
  const Tracer half(clock, 0.5, metrics);
  int count = 0;
  for (int i = 0; i < 10'000; ++i) count += half.Begin().sampled;
  EXPECT_GT(count, 4'500);  // ten standard deviations
  EXPECT_LT(count, 5'500);
}

TEST(Tracer, WhatOthersDoNotSampleIsPassedOver) {
  host::ManualClock clock;
  Metrics metrics;
  Tracer tracer(clock, 1, metrics);
  TraceContext parent = tracer.Begin();
  parent.sampled = false;
  tracer.End(Named(Tracer::Below(parent), "x"));
  EXPECT_TRUE(tracer.Take(1, milliseconds(0)).empty());
}

TEST(Tracer, SpansBelowOneStayInItsTrace) {
  host::ManualClock clock;
  Metrics metrics;
  const Tracer tracer(clock, 1, metrics);
  const TraceContext parent = tracer.Begin();
  const TraceContext below = Tracer::Below(parent);
  EXPECT_EQ(below.trace_id, parent.trace_id);
  EXPECT_NE(below.span_id, parent.span_id);
  EXPECT_NE(tracer.Begin().trace_id, parent.trace_id);
  EXPECT_TRUE(ParseTraceparent(FormatTraceparent(below)));
}

TEST(Tracer, AStoppedOneDoesNotWait) {
  host::ManualClock clock;
  Metrics metrics;
  Tracer tracer(clock, 1, metrics);
  tracer.End(Named(tracer.Begin(), "last"));
  tracer.Stop();
  EXPECT_EQ(tracer.Take(5, std::chrono::hours(1)).size(), 1u);
  EXPECT_TRUE(tracer.Take(5, std::chrono::hours(1)).empty());
}

TEST(Tracer, WritesOtlp) {
  Span span;
  span.context = {"4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", true};
  span.parent_span_id = "53995c3f42cd8ad8";
  span.name = "process \"Data\"";
  span.kind = SpanKind::kConsumer;
  span.start = host::WallTime(std::chrono::microseconds(1'700'000'000'000'001));
  span.end = span.start + std::chrono::microseconds(7);
  span.attributes = {{"messaging.message.id", "17"}, {"rows", int64_t{2}}};
  span.error = "no such field";
  Span root = Named({span.context.trace_id, "53995c3f42cd8ad8", true}, "root");
  root.start = span.start;
  root.end = span.start - std::chrono::microseconds(1);
  const auto json = nlohmann::json::parse(ToOtlpJson({span, root}, {"afluente", "1", "p"}));
  const auto& resource = json["resourceSpans"][0];
  EXPECT_EQ(resource["resource"]["attributes"][0],
            (nlohmann::json{{"key", "service.name"}, {"value", {{"stringValue", "afluente"}}}}));
  const auto& spans = resource["scopeSpans"][0]["spans"];
  ASSERT_EQ(spans.size(), 2u);
  EXPECT_EQ(spans[0]["traceId"], span.context.trace_id);
  EXPECT_EQ(spans[0]["parentSpanId"], "53995c3f42cd8ad8");
  EXPECT_EQ(spans[0]["name"], span.name);
  EXPECT_EQ(spans[0]["kind"], 5);
  EXPECT_EQ(spans[0]["startTimeUnixNano"], "1700000000000001000");
  EXPECT_EQ(spans[0]["endTimeUnixNano"], "1700000000000008000");
  EXPECT_EQ(spans[0]["attributes"][1]["value"]["intValue"], "2");
  EXPECT_EQ(spans[0]["status"]["code"], 2);
  EXPECT_FALSE(spans[1].contains("parentSpanId"));
  EXPECT_FALSE(spans[1].contains("status"));
  EXPECT_EQ(spans[1]["endTimeUnixNano"], spans[1]["startTimeUnixNano"]);
}

}  // namespace
}  // namespace afluente::telemetry
