#include "telemetry/exposition.h"

#include <gtest/gtest.h>

namespace afluente::telemetry {
namespace {

TEST(Exposition, WritesFamiliesWithTheirSamples) {
  Exposition page;
  page.Family("a_count", "How\nmany", MetricKind::kCounter);
  page.Sample(LabelText({{"id", "x\"y"}}), uint64_t{12'345'678'901'234});
  page.Family("b_sizes", "Sizes", MetricKind::kHistogram);
  page.Histogram(LabelText({{"id", "z"}}), {1, 2.5}, {3, 0, 4}, 17.5);
  page.Histogram("", {1}, {0, 1}, 2);
  EXPECT_EQ(page.Take(),
            "# HELP a_count How\\nmany\n"
            "# TYPE a_count counter\n"
            "a_count{id=\"x\\\"y\"} 12345678901234\n"
            "# HELP b_sizes Sizes\n"
            "# TYPE b_sizes histogram\n"
            "b_sizes_bucket{id=\"z\",le=\"1\"} 3\n"
            "b_sizes_bucket{id=\"z\",le=\"2.5\"} 3\n"
            "b_sizes_bucket{id=\"z\",le=\"+Inf\"} 7\n"
            "b_sizes_sum{id=\"z\"} 17.5\n"
            "b_sizes_count{id=\"z\"} 7\n"
            "b_sizes_bucket{le=\"1\"} 0\n"
            "b_sizes_bucket{le=\"+Inf\"} 1\n"
            "b_sizes_sum 2\n"
            "b_sizes_count 1\n");
  EXPECT_EQ(page.Take(), "");
}

}  // namespace
}  // namespace afluente::telemetry
