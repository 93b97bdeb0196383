#include "telemetry/trace_context.h"

#include <gtest/gtest.h>

namespace afluente::telemetry {
namespace {

const std::string kTrace = "4bf92f3577b34da6a3ce929d0e0e4736";
const std::string kSpan = "00f067aa0ba902b7";

TEST(TraceContext, ReadsWhatItWrites) {
  for (const bool sampled : {true, false}) {
    const std::string text = FormatTraceparent({kTrace, kSpan, sampled});
    EXPECT_EQ(text, "00-" + kTrace + "-" + kSpan + (sampled ? "-01" : "-00"));
    const auto read = ParseTraceparent(text);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->trace_id, kTrace);
    EXPECT_EQ(read->span_id, kSpan);
    EXPECT_EQ(read->sampled, sampled);
  }
}

TEST(TraceContext, OnlyTheLowestFlagMeansSampled) {
  const std::string start = "00-" + kTrace + "-" + kSpan;
  EXPECT_TRUE(ParseTraceparent(start + "-ff")->sampled);
  EXPECT_FALSE(ParseTraceparent(start + "-fe")->sampled);
}

TEST(TraceContext, LaterVersionsMayBeLonger) {
  EXPECT_TRUE(ParseTraceparent("cc-" + kTrace + "-" + kSpan + "-01-what-comes"));
  EXPECT_TRUE(ParseTraceparent("cc-" + kTrace + "-" + kSpan + "-01"));
  EXPECT_FALSE(ParseTraceparent("cc-" + kTrace + "-" + kSpan + "-01.what-comes"));
}

TEST(TraceContext, RefusesWhatIsNone) {
  const std::string zeros(32, '0');
  const std::string upper = "4BF92F3577B34DA6A3CE929D0E0E4736";
  for (const std::string& wrong :
       {std::string(), std::string("x"), "00-" + kTrace + "-" + kSpan,
        "00-" + kTrace + "-" + kSpan + "-0", "00-" + kTrace + "-" + kSpan + "-01-x",
        "ff-" + kTrace + "-" + kSpan + "-01", "00-" + zeros + "-" + kSpan + "-01",
        "00-" + kTrace + "-" + zeros.substr(16) + "-01", "00-" + upper + "-" + kSpan + "-01",
        "00_" + kTrace + "-" + kSpan + "-01", "00-" + kTrace + "_" + kSpan + "-01",
        "00-" + kTrace + "-" + kSpan + "_01", "0g-" + kTrace + "-" + kSpan + "-01"}) {
    EXPECT_FALSE(ParseTraceparent(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace afluente::telemetry
