#include "broker/message_index.h"

#include <map>
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

// What an index with moved blocks must say of each sequence.
struct MovedModel {
  MessageIndex index;
  std::map<uint64_t, log::Place> places;  // by sequence
  log::Place end{1, 0, 0};                // of the journal

  log::Place Write(uint32_t size) {
    end.offset += end.size;
    end.size = size;
    return end;
  }
  void Publish(uint64_t count, int64_t milliseconds) {
    const log::Place place = Write(100);
    for (uint64_t i = 0; i < count; ++i) places[index.end() + i] = place;
    index.Append(place, count, At(milliseconds));
  }
  void MoveFrom(uint64_t segment, uint64_t from, size_t blocks_max) {
    const auto blocks = index.BlocksIn(segment, from);
    for (size_t at = 0; at < blocks.size();) {
      uint64_t count = 0;
      const uint64_t first = blocks[at].first_sequence;
      for (size_t taken = 0; taken < blocks_max && at < blocks.size(); ++taken, ++at) {
        if (blocks[at].first_sequence != first + count) break;
        count += blocks[at].count;
      }
      const log::Place place = Write(500);
      EXPECT_TRUE(index.Move(place, first, count));
      for (uint64_t i = 0; i < count; ++i) places[first + i] = place;
    }
  }
  void Check(const MessageIndex& checked) const {
    for (const auto& [sequence, place] : places) {
      auto found = checked.Find(sequence);
      if (sequence < checked.first_sequence()) {
        EXPECT_FALSE(found);
        continue;
      }
      ASSERT_TRUE(found) << sequence;
      EXPECT_EQ(found->place.segment, place.segment) << sequence;
      EXPECT_LE(found->place.offset, place.offset);
      EXPECT_LE(found->first_sequence, sequence);
      EXPECT_GT(found->first_sequence + found->count, sequence);
    }
  }
};

TEST(MessageIndex, FindsWhatWasMovedWhereItIs) {
  std::mt19937_64 random(11);
  for (int game = 0; game < 200; ++game) {
    MovedModel model;
    for (int step = 0; step < 120; ++step) {
      if (random() % 8 == 0) model.end = {model.end.segment + 1, 0, 0};
      if (random() % 10 != 0) {
        model.Publish(1 + random() % 4, step * 300);
        continue;
      }
      const uint64_t needed = model.index.first_sequence() + random() % 5;
      MessageIndex::BytesBySegment bytes;
      model.index.AddBytes(needed, bytes);
      if (bytes.empty()) continue;
      const uint64_t oldest = bytes.begin()->first;
      if (oldest < model.end.segment) model.MoveFrom(oldest, needed, 1 + random() % 3);
      bytes.clear();
      model.index.AddBytes(needed, bytes);
      EXPECT_TRUE(oldest >= model.end.segment || !bytes.contains(oldest));
      model.index.DropBefore(bytes.begin()->first);
      EXPECT_LE(model.index.first_sequence(), needed);
    }
    model.Check(model.index);
    model.Check(MessageIndex(model.index.Share(), model.index.end()));
    if (HasFailure()) FAIL() << "game " << game;
  }
}

TEST(MessageIndex, MovesWholeBlocksOnly) {
  MessageIndex index;
  index.Append({1, 0, 10}, 3, At(0));
  index.Append({1, 10, 10}, 3, At(5000));
  index.Append({2, 0, 10}, 3, At(9000));
  EXPECT_FALSE(index.Move({3, 0, 50}, 1, 2));
  EXPECT_FALSE(index.Move({3, 0, 50}, 2, 2));
  EXPECT_FALSE(index.Move({3, 0, 50}, 1, 9)) << "of two segments";
  EXPECT_FALSE(index.Move({3, 0, 50}, 9, 1));
  EXPECT_FALSE(index.Move({3, 0, 50}, 0, 3));
  EXPECT_FALSE(index.Move({3, 0, 50}, 1, 0));
  EXPECT_EQ(index.Find(1)->place, (log::Place{1, 0, 10}));
  EXPECT_TRUE(index.Move({3, 0, 50}, 1, 6));
  EXPECT_EQ(index.Find(1)->place, (log::Place{3, 0, 50}));
  EXPECT_EQ(index.Find(6)->place, (log::Place{3, 0, 50}));
  EXPECT_EQ(index.Find(1)->count, 3) << "blocks keep their seconds";
  EXPECT_EQ(index.FirstSince(At(4000)), 4);
  index.DropBefore(3);
  EXPECT_EQ(index.first_sequence(), 10) << "nothing is left without what follows it";
}

TEST(MessageIndex, AShareDoesNotSeeWhatIsMovedLater) {
  MessageIndex index;
  for (uint32_t i = 0; i < 20; ++i) index.Append({1 + i / 5, i * 10, 10}, 1, At(i * 1000));
  MessageIndex::Segments shared = index.Share();
  for (uint64_t sequence = 1; sequence <= 20; ++sequence)
    EXPECT_TRUE(index.Move({9, static_cast<uint32_t>(sequence), 1}, sequence, 1));
  MessageIndex copy(shared, 21);
  for (uint64_t sequence = 1; sequence <= 20; ++sequence) {
    EXPECT_EQ(copy.Find(sequence)->place.segment, 1 + (sequence - 1) / 5);
    EXPECT_EQ(index.Find(sequence)->place.segment, 9);
  }
  EXPECT_EQ(index.Share().size(), 1) << "joined as they come";
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
