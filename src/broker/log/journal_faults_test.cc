#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "broker/log/journal_model.h"
#include "host/faulty_file_system.h"

// I1, I5, I6: disks that fail, fill up or lose their power.
namespace afluente::broker::log {
namespace {

using host::FaultyFileSystem;

uint64_t Seed() {
  const char* given = std::getenv("AFLUENTE_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : 20261124;
}

// Two runs with appends, snapshots and releases; stops at nothing that the disk refuses.
void DriveTwoRuns(JournalModel& model) {
  for (int run = 0; run < 2; ++run) {
    if (!model.Open().ok() && !model.Open().ok()) return;
    for (int round = 0; round < 8; ++round) {
      (void)model.Append(1 + round % 3 * 4);
      if (round % 3 == 2) {
        (void)model.Snapshot();
        (void)model.Release();
      }
    }
    model.Close();
  }
}

TEST(JournalFaultsTest, AnyOneOperationMayFail) {
  uint64_t nth = 1;
  for (;; ++nth) {
    SCOPED_TRACE(testing::Message() << "operation " << nth);
    FaultyFileSystem files(nth);
    JournalModel model(files);
    files.FailOperation(nth);
    DriveTwoRuns(model);
    const bool struck = files.faults() > 0;
    files.FailOperation(0);
    ASSERT_TRUE(model.Open().ok()) << model.Open();
    // One failure never leaves the journal refusing.
    ASSERT_TRUE(model.Append(3).ok());
    ASSERT_TRUE(model.ReadAll().ok()) << model.ReadAll();
    files.PowerLoss();
    ASSERT_TRUE(model.Open().ok()) << model.Open();
    if (!struck) break;
  }
  EXPECT_GT(nth, 100u);
}

TEST(JournalFaultsTest, AnyOneOperationMayFailBeforeThePowerDoes) {
  for (uint64_t nth = 1;; ++nth) {
    SCOPED_TRACE(testing::Message() << "operation " << nth);
    FaultyFileSystem files(nth);
    JournalModel model(files);
    files.FailOperation(nth);
    DriveTwoRuns(model);
    const bool struck = files.faults() > 0;
    files.FailOperation(0);
    files.PowerLoss();
    ASSERT_TRUE(model.Open().ok()) << model.Open();
    ASSERT_TRUE(model.Append(3).ok());
    if (!struck) break;
  }
}

// What a reader saw after the process died, the power may not take, though its sync never came or
// failed.
TEST(JournalFaultsTest, TheProcessOrThePowerMayFailAtAnyPoint) {
  const uint64_t seed = Seed();
  for (uint64_t round = 0; round < 100; ++round) {
    SCOPED_TRACE(testing::Message() << "AFLUENTE_SEED=" << seed << " round " << round);
    std::mt19937_64 random(seed + round);
    FaultyFileSystem files(seed + round);
    JournalModel model(files);
    for (int life = 0; life < 8; ++life) {
      const uint64_t end = 2 + random() % 120;
      files.FailFrom(end);
      if (random() % 2 == 0) files.FailOperation(end - 1);
      if (random() % 4 == 0) files.FailSyncs(random() % 3);
      DriveTwoRuns(model);
      model.Close();
      files.FailFrom(0);
      files.FailOperation(0);
      files.FailSyncs(0);
      if (random() % 2 == 0) files.PowerLoss();
      const absl::Status opened = model.Open();
      ASSERT_TRUE(opened.ok()) << opened << " life " << life;
      ASSERT_TRUE(model.ReadAll().ok());
      if (random() % 2 == 0) {
        files.PowerLoss();
        const absl::Status again = model.Open();
        ASSERT_TRUE(again.ok()) << again << " life " << life;
      }
    }
  }
}

// Dies between the write of a group and its sync, or when that sync failed; recovers; loses power.
TEST(JournalFaultsTest, WhatARecoveryShowedStays) {
  for (const bool sync_fails : {false, true}) {
    size_t shown = 0;
    for (uint64_t seed = 0; seed < 40; ++seed) {
      SCOPED_TRACE(seed);
      FaultyFileSystem files(seed);
      JournalModel model(files);
      ASSERT_TRUE(model.Open().ok());
      ASSERT_TRUE(model.Append(1).ok());
      files.FailSyncs(sync_fails ? 1 : 0);
      // A segment that is being prepared, and the empty group of an idle writer, may come in
      // between: so the last operation to succeed lies elsewhere with each seed.
      files.FailFrom((sync_fails ? 3 : 2) + seed % 8);
      const bool failed = !model.Append(4).ok();
      model.Close();
      files.FailFrom(0);
      files.FailSyncs(0);
      ASSERT_TRUE(model.Open().ok());
      if (failed) shown += model.answered() - 1;
      files.PowerLoss();
      const absl::Status again = model.Open();
      ASSERT_TRUE(again.ok()) << again;
    }
    EXPECT_GT(shown, 0u) << "nothing tested";
  }
}

TEST(JournalFaultsTest, AWrittenSnapshotIsTheNextRecoverysStart) {
  for (uint64_t seed = 0; seed < 40; ++seed) {
    SCOPED_TRACE(seed);
    FaultyFileSystem files(seed);
    JournalModel model(files);
    ASSERT_TRUE(model.Open().ok());
    ASSERT_TRUE(model.Append(3).ok());
    ASSERT_TRUE(model.journal().WriteSnapshot(model.last_place(), "1 2 3 ").ok());
    files.PowerLoss();
    model.Close();
    RecordingRecovery recovery;
    ASSERT_TRUE(Journal::Open(files, "/journal", SmallOptions(), recovery).ok());
    EXPECT_EQ(recovery.snapshot, "1 2 3 ");
    EXPECT_TRUE(recovery.records.empty());
  }
}

// Fails one sync of a group; one of a segment being prepared may come first.
absl::Status AppendWithFailedSync(FaultyFileSystem& files, JournalModel& model) {
  absl::Status status;
  while (status.ok()) {
    files.FailSyncs(1);
    status = model.Append(1);
  }
  files.FailSyncs(0);
  return status;
}

TEST(JournalFaultsTest, AFailedSyncFailsItsGroupAndWritingGoesOn) {
  FaultyFileSystem files;
  int troubles = 0;
  JournalOptions options = SmallOptions();
  options.on_trouble = [&troubles](const absl::Status&) { ++troubles; };
  JournalModel model(files, options);
  ASSERT_TRUE(model.Open().ok());
  // One failure now and then is not two in a row.
  for (int failure = 1; failure <= 3; ++failure) {
    ASSERT_TRUE(model.Append(3).ok());
    EXPECT_EQ(AppendWithFailedSync(files, model).code(), absl::StatusCode::kUnavailable);
    const Place before = model.last_place();
    EXPECT_EQ(troubles, failure);
    ASSERT_TRUE(model.Append(1).ok());
    EXPECT_GT(model.last_place().segment, before.segment);
  }
  // Even when the failed groups' bytes are still there.
  const size_t answered = model.answered();
  model.Close();
  ASSERT_TRUE(model.Open().ok()) << model.Open();
  files.PowerLoss();
  ASSERT_TRUE(model.Open().ok()) << model.Open();
  EXPECT_EQ(model.answered(), answered);
}

TEST(JournalFaultsTest, TwoFailedSyncsRefuseWritesUntilRestart) {
  FaultyFileSystem files;
  JournalOptions options = SmallOptions();
  absl::Status trouble;
  options.on_trouble = [&trouble](const absl::Status& status) { trouble = status; };
  JournalModel model(files, options);
  ASSERT_TRUE(model.Open().ok());
  ASSERT_TRUE(model.Append(3).ok());
  files.FailSyncs(1000);
  EXPECT_FALSE(model.Append(1).ok());
  EXPECT_FALSE(model.Append(1).ok());
  files.FailSyncs(0);
  EXPECT_EQ(model.Append(1).code(), absl::StatusCode::kUnavailable);
  EXPECT_NE(trouble.message().find("refuses writes"), absl::string_view::npos) << trouble;
  EXPECT_TRUE(model.ReadAll().ok()) << "reads go on";
  ASSERT_TRUE(model.Open().ok());
  EXPECT_TRUE(model.Append(1).ok());
}

TEST(JournalFaultsTest, AFullDiskRefusesAndRoomResumes) {
  FaultyFileSystem files;
  JournalOptions options = SmallOptions();
  const uint64_t capacity = 8 * options.segment_bytes;
  files.SetCapacity(capacity);
  JournalModel model(files, options);
  ASSERT_TRUE(model.Open().ok());
  absl::Status status;
  while (status.ok()) status = model.Append(1);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  EXPECT_EQ(model.Append(20).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(model.ReadAll().ok());
  EXPECT_GT(model.answered(), 20u);
  // A restart on the full disk changes nothing, with records in the last segment or without.
  for (int restart = 0; restart < 3; ++restart) {
    const absl::Status opened = model.Open();
    ASSERT_TRUE(opened.ok()) << opened;
    EXPECT_EQ(model.Append(1).code(), absl::StatusCode::kResourceExhausted);
    EXPECT_TRUE(model.ReadAll().ok());
  }
  // The reserve holds what it takes to get room: snapshots.
  ASSERT_TRUE(model.Snapshot().ok());
  ASSERT_TRUE(model.Snapshot().ok());
  ASSERT_TRUE(model.Release().ok());
  EXPECT_TRUE(model.Append(20).ok());
  ASSERT_TRUE(model.Open().ok()) << model.Open();
  EXPECT_TRUE(model.Append(1).ok());
}

TEST(JournalFaultsTest, AFullDiskDoesNotReplaceAnEmptySegment) {
  FaultyFileSystem files;
  JournalModel model(files);
  ASSERT_TRUE(model.Open().ok());
  ASSERT_TRUE(model.Append(10).ok());
  ASSERT_TRUE(model.Open().ok());
  model.Close();
  files.SetCapacity(20 << 10);
  for (int restart = 0; restart < 3; ++restart) {
    ASSERT_TRUE(model.Open().ok()) << model.Open();
    EXPECT_EQ(model.Append(1).code(), absl::StatusCode::kResourceExhausted);
  }
  files.SetCapacity(uint64_t{1} << 30);
  EXPECT_TRUE(model.Append(1).ok());
  files.PowerLoss();
  ASSERT_TRUE(model.Open().ok()) << model.Open();
  EXPECT_EQ(model.answered(), 11u);
}

TEST(JournalFaultsTest, NoJournalBeginsOnAFullDisk) {
  FaultyFileSystem files;
  files.SetCapacity(1000);
  JournalModel model(files);
  EXPECT_EQ(model.Open().code(), absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace afluente::broker::log
