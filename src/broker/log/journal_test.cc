#include "broker/log/journal.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <vector>

#include "absl/synchronization/blocking_counter.h"
#include "broker/log/crc32c.h"

namespace afluente::broker::log {
namespace {

TEST(Crc32cTest, KnownValues) {
  EXPECT_EQ(Crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(Crc32cPortable("123456789"), 0xe3069283u);
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8a9136aau);
}

struct Collected final : Recovery {
  absl::Status OnSnapshot(std::string_view state) override {
    snapshot = state;
    return absl::OkStatus();
  }
  absl::Status OnRecord(const Place& place, std::string_view payload) override {
    places.push_back(place);
    records.emplace_back(payload);
    return absl::OkStatus();
  }
  std::string snapshot;
  std::vector<Place> places;
  std::vector<std::string> records;
};

TEST(JournalTest, ReopenGivesWhatWasAnswered) {
  const std::string directory = testing::TempDir() + "/journal";
  std::filesystem::remove_all(directory);
  host::PosixFileSystem files;
  JournalOptions options;
  options.segment_bytes = 64 << 10;
  options.record_bytes_max = 32 << 10;
  options.group_bytes_max = 16 << 10;
  std::vector<std::string> written;
  std::vector<Place> places;
  for (int round = 0; round < 4; ++round) {
    Collected collected;
    auto journal = Journal::Open(files, directory, options, collected);
    ASSERT_TRUE(journal.ok()) << journal.status();
    EXPECT_EQ(collected.records, written);
    EXPECT_EQ(collected.places, places);
    if (round == 3) {
      for (size_t i = 0; i < places.size(); ++i)
        EXPECT_EQ((*journal)->Read(places[i]).value(), written[i]);
      break;
    }
    absl::BlockingCounter left(100);
    for (int i = 0; i < 100; ++i) {
      written.push_back(std::string(i * 37 * (round + 1), static_cast<char>('a' + i % 26)));
      (*journal)->Append(written.back(), [&](absl::StatusOr<Place> place) {
        EXPECT_TRUE(place.ok()) << place.status();
        places.push_back(place.ok() ? *place : Place{});
        left.DecrementCount();
      });
    }
    left.Wait();
  }
}

}  // namespace
}  // namespace afluente::broker::log
