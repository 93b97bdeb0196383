#include <gtest/gtest.h>

#include <random>
#include <thread>

#include "absl/strings/str_cat.h"
#include "broker/log/journal_model.h"
#include "host/faulty_file_system.h"
#include "host/file_copy.h"

// What a backup takes is a journal with what was answered before, whatever goes on meanwhile.
namespace afluente::broker::log {
namespace {

using host::FaultyFileSystem;

constexpr char kCopy[] = "/copy";

// Copies the parts into a fresh directory of `files` and recovers it.
absl::StatusOr<RecordingRecovery> Recovered(const std::vector<host::FilePart>& parts,
                                            FaultyFileSystem& files, const std::string& directory) {
  if (auto status = files.CreateDirectory(directory); !status.ok()) return status;
  for (const host::FilePart& part : parts) {
    const auto copied = CopyPart(part, files, absl::StrCat(directory, "/", part.name), nullptr);
    if (!copied.ok()) return copied.status();
  }
  RecordingRecovery recovery;
  const auto journal = Journal::Open(files, directory, SmallOptions(), recovery);
  if (!journal.ok()) return journal.status();
  return recovery;
}

TEST(JournalCopy, HoldsWhatWasAnsweredBefore) {
  FaultyFileSystem files;
  JournalModel model(files);
  ASSERT_TRUE(model.Open().ok());
  for (int round = 0; round < 30; ++round) {
    ASSERT_TRUE(model.Append(1 + round * 7 % 40).ok());
    const size_t answered = model.answered();
    const auto parts = model.journal().OpenFiles();
    ASSERT_TRUE(parts.ok()) << parts.status();
    // What comes later, here also segments that end and others that begin, is not in the copy.
    ASSERT_TRUE(model.Append(1 + round * 11 % 60).ok());
    const auto copy = Recovered(*parts, files, absl::StrCat(kCopy, round));
    ASSERT_TRUE(copy.ok()) << copy.status();
    ASSERT_EQ(copy->records.size(), answered);
    for (size_t i = 0; i < answered; ++i)
      ASSERT_EQ(copy->records[i], PayloadOf(static_cast<uint32_t>(i + 1)));
  }
}

TEST(JournalCopy, StaysReadableWhenItsSegmentsAreReleased) {
  FaultyFileSystem files;
  JournalModel model(files);
  ASSERT_TRUE(model.Open().ok());
  ASSERT_TRUE(model.Append(200).ok());
  ASSERT_TRUE(model.Snapshot().ok());
  ASSERT_TRUE(model.Append(200).ok());
  const auto parts = model.journal().OpenFiles();
  ASSERT_TRUE(parts.ok()) << parts.status();
  const uint64_t before = model.journal().bytes_on_disk();
  ASSERT_TRUE(model.Append(200).ok());
  ASSERT_TRUE(model.Snapshot().ok());
  ASSERT_TRUE(model.Snapshot().ok());
  ASSERT_TRUE(model.Release().ok());
  ASSERT_LT(model.journal().bytes_on_disk(), before) << "nothing was released";
  const auto copy = Recovered(*parts, files, kCopy);
  ASSERT_TRUE(copy.ok()) << copy.status();
  EXPECT_FALSE(copy->snapshot.empty());
  EXPECT_EQ(copy->records.back(), PayloadOf(400));
}

TEST(JournalCopy, OfANewJournal) {
  FaultyFileSystem files;
  JournalModel model(files);
  ASSERT_TRUE(model.Open().ok());
  const auto parts = model.journal().OpenFiles();
  ASSERT_TRUE(parts.ok()) << parts.status();
  const auto copy = Recovered(*parts, files, kCopy);
  ASSERT_TRUE(copy.ok()) << copy.status();
  EXPECT_TRUE(copy->records.empty());
}

// A restart leaves segments without records behind the last one.
TEST(JournalCopy, AfterRestarts) {
  FaultyFileSystem files;
  JournalModel model(files);
  for (int run = 0; run < 4; ++run) {
    ASSERT_TRUE(model.Open().ok());
    const auto parts = model.journal().OpenFiles();
    ASSERT_TRUE(parts.ok()) << parts.status();
    const auto copy = Recovered(*parts, files, absl::StrCat(kCopy, run));
    ASSERT_TRUE(copy.ok()) << copy.status();
    EXPECT_EQ(copy->records.size(), model.answered());
    ASSERT_TRUE(model.Append(25).ok());
    model.Close();
  }
}

}  // namespace
}  // namespace afluente::broker::log
