#include "broker/sequence_set.h"

#include <random>
#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace afluente::broker {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(SequenceSet, RangesThatTouchAreOne) {
  SequenceSet set(10);
  set.Add(12, 13);
  set.Add(16, 20);
  EXPECT_THAT(set.Ranges(), ElementsAre(SequenceSet::Range(12, 13), SequenceSet::Range(16, 20)));
  set.Add(14, 15);
  EXPECT_THAT(set.Ranges(), ElementsAre(SequenceSet::Range(12, 20)));
  EXPECT_EQ(set.above_floor(), 9);
  set.Add(1, 11);
  EXPECT_THAT(set.Ranges(), IsEmpty());
  EXPECT_EQ(set.floor(), 20);
  EXPECT_EQ(set.above_floor(), 0);
}

TEST(SequenceSet, IsTheSameAsASetOfNumbers) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 200; ++round) {
    SequenceSet set;
    std::set<uint64_t> model;
    for (int step = 0; step < 30; ++step) {
      uint64_t first = 1 + random() % 60;
      uint64_t last = first + random() % 6;
      if (random() % 10 == 0) {
        set.RaiseFloor(first);
        for (uint64_t i = 1; i <= first; ++i) model.insert(i);
      } else {
        set.Add(first, last);
        for (uint64_t i = first; i <= last; ++i) model.insert(i);
      }
      ASSERT_EQ(set.floor() + set.above_floor(), model.size());
      for (uint64_t i = 1; i < 70; ++i) {
        ASSERT_EQ(set.Contains(i), model.count(i) > 0) << i;
        uint64_t missing = i;
        while (model.count(missing) > 0) ++missing;
        ASSERT_EQ(set.NextMissing(i), missing);
      }
    }
  }
}

}  // namespace
}  // namespace afluente::broker
