#include "telemetry/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace afluente::telemetry {
namespace {

using testing::HasSubstr;

TEST(Metrics, ExposesCountersAndGauges) {
  Metrics metrics;
  metrics.GetCounter("b_total", "Bees", {{"kind", "a\\b\"c\nd"}}).Add(3);
  metrics.GetCounter("b_total", "Bees", {{"kind", "a\\b\"c\nd"}}).Add();
  metrics.GetCounter("b_total", "Bees").Add(7);
  metrics.AddGauge("a_depth", "One\nline \\ here", {}, [] { return 1.5; });
  metrics.AddGauge("c", "Not finite", {{"v", "nan"}}, [] { return std::nan(""); });
  metrics.AddGauge("c", "Not finite", {{"v", "inf"}}, [] { return -INFINITY; });
  EXPECT_EQ(metrics.Expose(),
            "# HELP a_depth One\\nline \\\\ here\n"
            "# TYPE a_depth gauge\n"
            "a_depth 1.5\n"
            "# HELP b_total Bees\n"
            "# TYPE b_total counter\n"
            "b_total 7\n"
            "b_total{kind=\"a\\\\b\\\"c\\nd\"} 4\n"
            "# HELP c Not finite\n"
            "# TYPE c gauge\n"
            "c{v=\"inf\"} -Inf\n"
            "c{v=\"nan\"} NaN\n");
}

TEST(Metrics, BucketsAreCumulative) {
  Metrics metrics;
  Histogram& histogram = metrics.GetHistogram("h_seconds", "Took", {{"e", "x"}});
  histogram.Observe(0.00005);  // a bound belongs to its bucket
  histogram.Observe(0.00006);
  histogram.Observe(3);
  histogram.Observe(100);
  histogram.Observe(-1);
  histogram.Observe(std::nan(""));
  const std::string page = metrics.Expose();
  EXPECT_THAT(page, HasSubstr("# TYPE h_seconds histogram\n"));
  EXPECT_THAT(page, HasSubstr("h_seconds_bucket{e=\"x\",le=\"5e-05\"} 3\n"));
  EXPECT_THAT(page, HasSubstr("h_seconds_bucket{e=\"x\",le=\"0.0001\"} 4\n"));
  EXPECT_THAT(page, HasSubstr("h_seconds_bucket{e=\"x\",le=\"2.5\"} 4\n"));
  EXPECT_THAT(page, HasSubstr("h_seconds_bucket{e=\"x\",le=\"5\"} 5\n"));
  EXPECT_THAT(page, HasSubstr("h_seconds_bucket{e=\"x\",le=\"10\"} 5\n"));
  EXPECT_THAT(page, HasSubstr("h_seconds_bucket{e=\"x\",le=\"+Inf\"} 6\n"));
  EXPECT_THAT(page, HasSubstr("h_seconds_count{e=\"x\"} 6\n"));
  EXPECT_NEAR(histogram.sum(), 103.00011, 1e-6);
}

TEST(Metrics, AGaugeMayUseTheRegistry) {
  Metrics metrics;
  metrics.AddGauge("g", "Reads a counter", {}, [&metrics] {
    return static_cast<double>(metrics.GetCounter("c_total", "C").value());
  });
  metrics.GetCounter("c_total", "C").Add(2);
  EXPECT_THAT(metrics.Expose(), HasSubstr("\ng 2\n"));
}

TEST(MetricsDeathTest, OneNameHasOneType) {
  Metrics metrics;
  metrics.GetCounter("x", "X");
  EXPECT_DEATH(metrics.GetHistogram("x", "X"), "broken invariant");
}

}  // namespace
}  // namespace afluente::telemetry
