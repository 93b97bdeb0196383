#include "telemetry/history.h"

#include <gtest/gtest.h>

#include <numeric>

namespace afluente::telemetry {
namespace {

std::vector<float> Known(const History::Points& points) {
  std::vector<float> known;
  for (const auto& value : points.values) {
    if (value) known.push_back(*value);
  }
  return known;
}

TEST(HistoryTest, KeepsSecondsForFiveMinutesAndTensForAnHour) {
  History history;
  for (int64_t second = 10'000; second < 10'000 + 7'200; ++second)
    history.Add(second, {{"a", static_cast<float>(second)}});
  const History::Points fine = history.Read("a", History::Step::kFine);
  ASSERT_EQ(fine.values.size(), History::kFinePoints);
  EXPECT_EQ(fine.first_second, 17'199 - 299);
  EXPECT_EQ(fine.values.front(), 17'199.f - 299);
  EXPECT_EQ(fine.values.back(), 17'199.f);
  const History::Points coarse = history.Read("a", History::Step::kCoarse);
  ASSERT_EQ(coarse.values.size(), History::kCoarsePoints);
  EXPECT_EQ(coarse.step_seconds, 10);
  EXPECT_EQ(coarse.first_second, 17'190 - 3'590);
  EXPECT_EQ(coarse.values.back(), 17'199.f);  // the largest of its ten seconds
  EXPECT_EQ(coarse.values[0], 13'609.f);
}

TEST(HistoryTest, ASecondWithoutAPointIsAGapAlsoAfterTheRingTurned) {
  History history;
  history.Add(1'000, {{"a", 1.f}});
  history.Add(1'001, {});
  history.Add(1'002, {{"a", 3.f}});
  EXPECT_EQ(Known(history.Read("a", History::Step::kFine)), (std::vector<float>{1, 3}));
  const auto fine = history.Read("a", History::Step::kFine);
  EXPECT_EQ(fine.values[History::kFinePoints - 2], std::nullopt);
  history.Add(1'000 + 100'000, {{"a", 9.f}});
  EXPECT_EQ(Known(history.Read("a", History::Step::kFine)), (std::vector<float>{9}));
  history.Add(1'000 + 200'000, {{"b", 1.f}});
  EXPECT_TRUE(Known(history.Read("a", History::Step::kFine)).empty());
}

TEST(HistoryTest, AnUnknownNameIsEmpty) {
  EXPECT_TRUE(History().Read("a", History::Step::kFine).values.empty());
}

TEST(HistoryTest, SeriesAreBoundedAndOldOnesMakeRoom) {
  History history;
  History::Values many;
  for (size_t i = 0; i < History::kSeriesMax + 10; ++i) many.push_back({std::to_string(i), 1.f});
  history.Add(1'000, many);
  EXPECT_EQ(history.series(), History::kSeriesMax);
  history.Add(1'001, {{"late", 1.f}});
  EXPECT_TRUE(history.Read("late", History::Step::kFine).values.empty());
  history.Add(1'000 + 3'700, {{"late", 1.f}});
  EXPECT_EQ(history.series(), 1u);
  EXPECT_EQ(Known(history.Read("late", History::Step::kFine)), (std::vector<float>{1}));
}

}  // namespace
}  // namespace afluente::telemetry
