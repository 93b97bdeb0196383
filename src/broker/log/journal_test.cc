#include "broker/log/journal.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/notification.h"
#include "broker/log/crc32c.h"
#include "broker/log/format.h"
#include "broker/log/journal_model.h"
#include "host/faulty_file_system.h"
#include "host/file_system.h"

namespace afluente::broker::log {
namespace {

using host::FaultyFileSystem;

constexpr char kDirectory[] = "/journal";

TEST(Crc32cTest, KnownValues) {
  EXPECT_EQ(Crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(Crc32c(std::string(32, '\xff')), 0x62a8ab43u);
  EXPECT_EQ(Crc32c(""), 0u);
}

TEST(Crc32cTest, HardwareAndTablesAgreeHoweverTheBytesAreCut) {
  std::mt19937 random(7);
  std::string bytes(20000, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  for (int i = 0; i < 2000; ++i) {
    const size_t start = random() % bytes.size();
    const std::string_view part = std::string_view(bytes).substr(start, random() % 9000);
    const uint32_t whole = Crc32cPortable(part);
    ASSERT_EQ(Crc32c(part), whole);
    const size_t cut = part.empty() ? 0 : random() % part.size();
    ASSERT_EQ(Crc32c(part.substr(cut), Crc32c(part.substr(0, cut))), whole);
  }
}

TEST(JournalTest, ReopenGivesWhatWasAnswered) {
  FaultyFileSystem files;
  JournalModel model(files);
  for (int run = 0; run < 6; ++run) {
    ASSERT_TRUE(model.Open().ok()) << model.Open();
    EXPECT_EQ(model.answered(), run * 56u);
    ASSERT_TRUE(model.ReadAll().ok());
    for (int burst : {1, 5, 20, 30}) ASSERT_TRUE(model.Append(burst).ok());
  }
}

TEST(JournalTest, EmptyAndLargestRecords) {
  FaultyFileSystem files;
  JournalOptions options = SmallOptions();
  const std::vector<std::string> payloads = {"", std::string(options.record_bytes_max, 'x'), "",
                                             std::string(options.record_bytes_max, '\0')};
  {
    RecordingRecovery none;
    auto journal = Journal::Open(files, kDirectory, options, none);
    ASSERT_TRUE(journal.ok()) << journal.status();
    absl::Status refused;
    (*journal)->Append(std::string(options.record_bytes_max + 1, 'x'),
                       [&](absl::StatusOr<Place> place) { refused = place.status(); });
    for (const std::string& payload : payloads)
      (*journal)->Append(payload, [](absl::StatusOr<Place> place) { EXPECT_TRUE(place.ok()); });
    journal->reset();
    EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
  }
  RecordingRecovery recovery;
  ASSERT_TRUE(Journal::Open(files, kDirectory, options, recovery).ok());
  EXPECT_EQ(recovery.records, payloads);
}

// Larger than what is copied into one write.
TEST(JournalTest, RecordsWrittenFromWhereTheyAre) {
  FaultyFileSystem files;
  JournalOptions options;
  options.segment_bytes = 4 << 20;
  options.group_bytes_max = 1 << 20;
  options.record_bytes_max = 2 << 20;
  std::vector<std::string> payloads;
  for (size_t i = 0; i < 40; ++i)
    payloads.emplace_back(i % 3 == 0 ? 100 + i : (60 << 10) + i * 1001, static_cast<char>('a' + i));
  payloads.emplace_back(options.record_bytes_max, 'z');
  {
    RecordingRecovery none;
    auto journal = Journal::Open(files, kDirectory, options, none);
    ASSERT_TRUE(journal.ok()) << journal.status();
    for (const std::string& payload : payloads)
      (*journal)->Append(payload, [](absl::StatusOr<Place> place) { EXPECT_TRUE(place.ok()); });
  }
  RecordingRecovery recovery;
  auto journal = Journal::Open(files, kDirectory, options, recovery);
  ASSERT_TRUE(journal.ok()) << journal.status();
  ASSERT_EQ(recovery.records, payloads);
  for (size_t i = 0; i < payloads.size(); ++i)
    ASSERT_EQ((*journal)->Read(recovery.places[i]).value(), payloads[i]);
}

TEST(JournalTest, AFullQueueRefusesInTurn) {
  FaultyFileSystem files;
  JournalOptions options = SmallOptions();
  options.queue_bytes_max = 20 << 10;
  RecordingRecovery none;
  auto journal = Journal::Open(files, kDirectory, options, none);
  ASSERT_TRUE(journal.ok());
  absl::Notification started;
  absl::Notification release;
  std::vector<int> order;
  int refused = 0;
  (*journal)->Append("first", [&](absl::StatusOr<Place>) {
    started.Notify();
    release.WaitForNotification();  // holds the writer, as a test may
  });
  started.WaitForNotification();
  absl::BlockingCounter left(20);
  for (int i = 0; i < 20; ++i) {
    (*journal)->Append(std::string(2000, 'x'), [&, i](absl::StatusOr<Place> place) {
      order.push_back(i);
      if (absl::IsResourceExhausted(place.status())) ++refused;
      left.DecrementCount();
    });
  }
  release.Notify();
  left.Wait();
  EXPECT_EQ(refused, 11);
  EXPECT_EQ(order.size(), 20u);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
  absl::Notification answered;
  (*journal)->Append("room again", [&](absl::StatusOr<Place> place) {
    EXPECT_TRUE(place.ok());
    answered.Notify();
  });
  answered.WaitForNotification();
}

TEST(JournalTest, WhatGathersDuringASyncIsOneGroup) {
  FaultyFileSystem files;
  JournalOptions options = SmallOptions();
  options.segment_bytes = 1 << 20;
  options.group_bytes_max = 64 << 10;
  options.reserve_bytes = 0;
  RecordingRecovery none;
  auto journal = Journal::Open(files, kDirectory, options, none);
  ASSERT_TRUE(journal.ok());
  absl::Notification started;
  absl::Notification release;
  (*journal)->Append("first", [&](absl::StatusOr<Place>) {
    started.Notify();
    release.WaitForNotification();
  });
  started.WaitForNotification();
  absl::BlockingCounter left(100);
  std::vector<Place> places;
  for (int i = 0; i < 100; ++i) {
    (*journal)->Append(std::string(100, 'x'), [&](absl::StatusOr<Place> place) {
      places.push_back(place.value());
      left.DecrementCount();
    });
  }
  const uint64_t before = files.operations();
  release.Notify();
  left.Wait();
  // One write and one sync; the preparation of a segment may fall in between.
  EXPECT_LE(files.operations() - before, 2u + 6u);
  for (size_t i = 1; i < places.size(); ++i)
    EXPECT_EQ(places[i].offset - places[i - 1].offset, RecordBytes(100)) << "no header between";
}

TEST(JournalTest, AnIdleWriterSealsTheLastGroup) {
  FaultyFileSystem files;
  JournalOptions options = SmallOptions();
  options.idle = std::chrono::milliseconds(1);
  JournalModel model(files, options);
  ASSERT_TRUE(model.Open().ok());
  ASSERT_TRUE(model.Append(1).ok());
  const Place place = model.last_place();
  const std::string path = SegmentPath(kDirectory, place.segment);
  const uint64_t seal = place.offset + RecordBytes(place.size - kRecordOverheadBytes);
  std::string bytes;
  while (!DecodeGroupHeader(std::string_view(bytes).substr(std::min<size_t>(seal, bytes.size()))))
    bytes = files.Content(path);
  const GroupHeader header = *DecodeGroupHeader(std::string_view(bytes).substr(seal));
  EXPECT_EQ(header.synced, seal);
  EXPECT_EQ(header.records, 0u);
}

TEST(JournalTest, RestartsWithoutRecordsLeaveNoRowOfFiles) {
  FaultyFileSystem files;
  JournalModel model(files);
  for (int run = 0; run < 20; ++run) {
    ASSERT_TRUE(model.Open().ok());
    const absl::Status appended = run == 10 ? model.Append(1) : absl::OkStatus();
    ASSERT_TRUE(appended.ok());
  }
  model.Close();
  EXPECT_LE(files.List(kDirectory)->size(), 3u);
  ASSERT_TRUE(model.Open().ok());
  EXPECT_EQ(model.answered(), 1u);
}

TEST(JournalTest, KeepsItsIdentityAndDrawsANewOne) {
  FaultyFileSystem files;
  RecordingRecovery none;
  const std::string first = (*Journal::Open(files, kDirectory, SmallOptions(), none))->identity();
  EXPECT_EQ(first.size(), 32u);
  EXPECT_EQ((*Journal::Open(files, kDirectory, SmallOptions(), none))->identity(), first);
  EXPECT_NE((*Journal::Open(files, "/other", SmallOptions(), none))->identity(), first);
}

TEST(JournalTest, ReleasesWhatTwoSnapshotsCoverAndNoMore) {
  FaultyFileSystem files;
  JournalModel model(files);
  ASSERT_TRUE(model.Open().ok());
  for (int i = 0; i < 40; ++i) ASSERT_TRUE(model.Append(1).ok());
  const uint64_t before = model.journal().bytes_on_disk();
  ASSERT_TRUE(model.Release().ok());
  EXPECT_EQ(model.journal().bytes_on_disk(), before) << "no snapshot yet";
  ASSERT_TRUE(model.Snapshot().ok());
  const Place covered = model.last_place();
  ASSERT_TRUE(model.Release().ok());
  EXPECT_GE(model.journal().bytes_on_disk(), before) << "one snapshot";
  for (int i = 0; i < 40; ++i) ASSERT_TRUE(model.Append(1).ok());
  ASSERT_TRUE(model.Snapshot().ok());
  ASSERT_TRUE(model.Release().ok());
  EXPECT_TRUE(model.journal().Read(covered).ok()) << "the older snapshot's segment stays";
  EXPECT_EQ(model.journal().Read({covered.segment - 1, 136, 8}).status().code(),
            absl::StatusCode::kNotFound);
  ASSERT_TRUE(model.Open().ok()) << model.Open();
  ASSERT_TRUE(model.ReadAll().ok());
  EXPECT_EQ(model.answered(), 80u);
}

TEST(JournalTest, ASnapshotCoversSyncedRecordsOnly) {
  FaultyFileSystem files;
  JournalModel model(files);
  ASSERT_TRUE(model.Open().ok());
  ASSERT_TRUE(model.Append(1).ok());
  Place beyond = model.last_place();
  beyond.offset += 8;
  EXPECT_EQ(model.journal().WriteSnapshot(beyond, "x").code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(JournalTest, RefusesOptionsThatCannotWork) {
  FaultyFileSystem files;
  RecordingRecovery none;
  JournalOptions options = SmallOptions();
  options.record_bytes_max = options.segment_bytes;
  EXPECT_EQ(Journal::Open(files, kDirectory, options, none).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(JournalTest, ARecoverysErrorIsOpens) {
  class Refusing final : public Recovery {
    absl::Status OnSnapshot(std::string_view) override { return absl::OkStatus(); }
    absl::Status OnRecord(const Place&, std::string_view) override {
      return absl::DataLossError("unknown record");
    }
  };
  FaultyFileSystem files;
  {
    JournalModel model(files);
    ASSERT_TRUE(model.Open().ok());
    ASSERT_TRUE(model.Append(1).ok());
  }
  Refusing refusing;
  EXPECT_EQ(Journal::Open(files, kDirectory, SmallOptions(), refusing).status().message(),
            "unknown record");
}

}  // namespace
}  // namespace afluente::broker::log
