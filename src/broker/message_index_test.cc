#include "broker/message_index.h"

#include <random>

#include "gtest/gtest.h"

namespace afluente::broker {
namespace {

host::WallTime At(int64_t milliseconds) {
  return host::WallTime(std::chrono::milliseconds(1'700'000'000'000 + milliseconds));
}

TEST(MessageIndex, AnEntryIsSixteenBytes) { EXPECT_EQ(sizeof(MessageIndex::Entry), 16); }

TEST(MessageIndex, FindsTheBlockOfEverySequence) {
  std::mt19937_64 random(7);
  MessageIndex index;
  struct Written {
    log::Place place;
    uint64_t first;
    uint64_t count;
  };
  std::vector<Written> all;
  log::Place place{1, 0, 0};
  uint64_t next = 1;
  for (int i = 0; i < 500; ++i) {
    if (random() % 20 == 0) place = {place.segment + 1 + random() % 3, 0, 0};
    place.offset += place.size;
    place.size = static_cast<uint32_t>(20 + random() % 20'000);
    uint64_t count = 1 + random() % 5;
    index.Append(place, count, At(i * 200));
    all.push_back({place, next, count});
    next += count;
  }
  auto check = [&](const MessageIndex& checked) {
    for (const Written& each : all) {
      for (uint64_t sequence = each.first; sequence < each.first + each.count; ++sequence) {
        auto found = checked.Find(sequence);
        ASSERT_EQ(found.has_value(), sequence >= checked.first_sequence());
        if (!found) continue;
        EXPECT_EQ(found->place.segment, each.place.segment);
        EXPECT_LE(found->place.offset, each.place.offset);
        EXPECT_GE(found->place.offset + found->place.size, each.place.offset + each.place.size);
        EXPECT_LE(found->place.size, MessageIndex::kBlockBytes);
        EXPECT_LE(found->first_sequence, each.first);
        EXPECT_GE(found->first_sequence + found->count, each.first + each.count);
        // Exactly the records that lie in the block.
        uint64_t messages = 0;
        for (const Written& other : all) {
          if (other.place.segment == found->place.segment &&
              other.place.offset >= found->place.offset &&
              other.place.offset < found->place.offset + found->place.size)
            messages += other.count;
        }
        EXPECT_EQ(found->count, messages);
      }
    }
    EXPECT_FALSE(checked.Find(0));
    EXPECT_FALSE(checked.Find(next));
  };
  check(index);
  check(MessageIndex(index.Share(), index.end()));
  uint64_t middle = all[250].place.segment;
  index.DropBefore(middle);
  EXPECT_GT(index.first_sequence(), 1);
  EXPECT_LE(index.first_sequence(), all[250].first);
  check(index);
  index.DropBefore(UINT64_MAX);
  EXPECT_EQ(index.first_sequence(), next);
  EXPECT_EQ(index.end(), next);
}

TEST(MessageIndex, TenMillionSmallRecordsTakeLittle) {
  MessageIndex index;
  log::Place place{1, 72, 1100};
  for (int i = 0; i < 10'000'000; ++i) {
    index.Append(place, 1, At(i / 100));
    place.offset += 1104;
    if (place.offset > 127 << 20) place = {place.segment + 1, 72, 1100};
  }
  size_t blocks = 0;
  for (const auto& segment : index.Share()) blocks += segment->entries.size();
  EXPECT_LT(blocks * sizeof(MessageIndex::Entry), 4 << 20);
}

TEST(MessageIndex, AShareDoesNotSeeLaterRecords) {
  MessageIndex index;
  index.Append({1, 0, 10}, 2, At(0));
  MessageIndex::Segments shared = index.Share();
  uint64_t end = index.end();
  index.Append({1, 10, 10}, 3, At(1));
  MessageIndex copy(shared, end);
  EXPECT_EQ(copy.end(), 3);
  EXPECT_EQ(copy.Find(2)->count, 2);
  EXPECT_FALSE(copy.Find(3));
}

TEST(MessageIndex, FirstSinceNeverLeavesOutAYoungerMessage) {
  MessageIndex index;
  index.Append({1, 0, 10}, 1, At(100));
  index.Append({1, 10, 10}, 1, At(5100));
  index.Append({2, 0, 10}, 1, At(9900));
  EXPECT_EQ(index.FirstSince(At(0)), 1);
  EXPECT_EQ(index.FirstSince(At(100)), 1);
  EXPECT_EQ(index.FirstSince(At(5100)), 2);
  EXPECT_EQ(index.FirstSince(At(6500)), 3);
  EXPECT_EQ(index.FirstSince(At(20000)), 4);
}

}  // namespace
}  // namespace afluente::broker
