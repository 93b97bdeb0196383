#include <gtest/gtest.h>

#include <random>

#include "absl/strings/str_cat.h"
#include "broker/log/format.h"
#include "broker/log/journal_model.h"
#include "host/check.h"
#include "host/faulty_file_system.h"

// I5: damage is told with its place; only a torn tail is cut.
namespace afluente::broker::log {
namespace {

using host::FaultyFileSystem;

constexpr char kDirectory[] = "/journal";

struct Image {
  std::string name;
  std::string bytes;
};

std::vector<Image> ImagesOf(FaultyFileSystem& files) {
  std::vector<Image> images;
  const auto names = files.List(kDirectory);
  for (const std::string& name : *names)
    images.push_back({name, files.Content(absl::StrCat(kDirectory, "/", name))});
  return images;
}

void Lay(const std::vector<Image>& images, FaultyFileSystem& files) {
  (void)files.CreateDirectory(kDirectory);
  for (const Image& image : images)
    files.SetContent(absl::StrCat(kDirectory, "/", image.name), image.bytes);
}

absl::StatusOr<RecordingRecovery> Recovered(const std::vector<Image>& images) {
  FaultyFileSystem files;
  Lay(images, files);
  RecordingRecovery recovery;
  const auto journal = Journal::Open(files, kDirectory, SmallOptions(), recovery);
  if (!journal.ok()) return journal.status();
  return recovery;
}

struct Written {
  std::vector<Image> images;
  RecordingRecovery content;
};

// A journal of `records` in a few segments; stopped cleanly, or as it was when its process died.
Written WriteJournal(int records, bool clean, bool snapshots) {
  FaultyFileSystem files;
  JournalModel model(files);
  AFLUENTE_CHECK(model.Open().ok());
  for (int i = 0; i < records; ++i) {
    AFLUENTE_CHECK(model.Append(1).ok());
    if (snapshots && (i == records / 3 || i == 2 * records / 3))
      AFLUENTE_CHECK(model.Snapshot().ok());
  }
  Written written;
  if (!clean) written.images = ImagesOf(files);
  model.Close();
  if (clean) written.images = ImagesOf(files);
  written.content = *Recovered(written.images);
  return written;
}

// All of it, or a part from the start that lacks no more than the group that no later one proves.
void ExpectHarmless(const RecordingRecovery& found, const RecordingRecovery& whole,
                    size_t missing_max) {
  ASSERT_LE(found.records.size(), whole.records.size());
  ASSERT_GE(found.records.size() + missing_max, whole.records.size());
  for (size_t i = 0; i < found.records.size(); ++i) {
    ASSERT_EQ(found.records[i], whole.records[i]);
    ASSERT_EQ(found.places[i], whole.places[i]);
  }
}

void FlipEachByte(const Written& written, size_t missing_max, uint32_t* told) {
  std::mt19937 random(1);
  for (size_t file = 0; file < written.images.size(); ++file) {
    const size_t used = written.images[file].bytes.find_last_not_of('\0') + 40;
    for (size_t at = 0; at < std::min(used, written.images[file].bytes.size()); ++at) {
      SCOPED_TRACE(testing::Message() << written.images[file].name << " byte " << at);
      std::vector<Image> images = written.images;
      images[file].bytes[at] = static_cast<char>(images[file].bytes[at] ^ (1 << random() % 8));
      const auto found = Recovered(images);
      if (found.ok()) {
        ExpectHarmless(*found, written.content, missing_max);
        if (testing::Test::HasFatalFailure()) return;
        continue;
      }
      ASSERT_EQ(found.status().code(), absl::StatusCode::kDataLoss) << found.status();
      ASSERT_NE(found.status().message().find("segment"), absl::string_view::npos);
      ++*told;
    }
  }
}

TEST(JournalDamageTest, EachFlippedByteOfASealedJournalIsTold) {
  uint32_t told = 0;
  FlipEachByte(WriteJournal(14, true, false), 0, &told);
  EXPECT_GT(told, 3000u);
}

TEST(JournalDamageTest, EachFlippedByteOfAnUnsealedJournalCostsTheLastGroupAtMost) {
  uint32_t told = 0;
  FlipEachByte(WriteJournal(14, false, false), 1, &told);
  EXPECT_GT(told, 2000u);
}

TEST(JournalDamageTest, APayloadThatLooksLikeAGroupIsNoEvidence) {
  FaultyFileSystem files;
  RecordingRecovery recovery;
  auto journal = Journal::Open(files, kDirectory, SmallOptions(), recovery);
  ASSERT_TRUE(journal.ok());
  // Forged headers for many offsets, as a publisher could send them.
  std::string forged = "even";  // what follows is aligned as groups are
  for (uint32_t i = 0; i < 100; ++i) AppendHeader(GroupHeader{7, 144 + 32 * i, 4000, 0, 0}, forged);
  absl::StatusOr<Place> placed;
  (*journal)->Append(forged, [&placed](absl::StatusOr<Place> place) { placed = place; });
  std::vector<Image> images;
  journal->reset();
  images = ImagesOf(files);
  ASSERT_TRUE(placed.ok());
  ASSERT_EQ(placed->offset, 136u);
  // Tears the group: its record's first payload byte changes, and no seal follows.
  std::string& bytes = images[0].bytes;
  bytes[placed->offset + 5] ^= 1;
  std::fill(bytes.begin() + placed->offset + placed->size, bytes.end(), '\0');
  const auto found = Recovered(images);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_TRUE(found->records.empty());
}

TEST(JournalDamageTest, EachLengthOfTheLastSegmentIsTold) {
  const Written written = WriteJournal(14, true, false);
  const size_t last = written.images.size() - 1;
  for (size_t size = 0; size < written.images[last].bytes.size(); ++size) {
    SCOPED_TRACE(size);
    std::vector<Image> images = written.images;
    images[last].bytes.resize(size);
    const auto found = Recovered(images);
    if (size >= kSegmentHeaderBytes) {
      ASSERT_EQ(found.status().code(), absl::StatusCode::kDataLoss);
      continue;
    }
    // As if it had never been begun.
    ASSERT_TRUE(found.ok()) << found.status();
    ExpectHarmless(*found, written.content, written.content.records.size());
  }
}

TEST(JournalDamageTest, AnEarlierSegmentCutOrMissingIsTold) {
  const Written written = WriteJournal(30, true, false);
  ASSERT_GE(written.images.size(), 3u);
  for (size_t file = 0; file + 1 < written.images.size(); ++file) {
    std::vector<Image> missing = written.images;
    missing.erase(missing.begin() + static_cast<ptrdiff_t>(file));
    EXPECT_EQ(Recovered(missing).status().code(), absl::StatusCode::kDataLoss) << file;
    const size_t used = written.images[file].bytes.find_last_not_of('\0') + 1;
    for (size_t size = 0; size < used; size += 7) {
      std::vector<Image> cut = written.images;
      cut[file].bytes.resize(size);
      ASSERT_EQ(Recovered(cut).status().code(), absl::StatusCode::kDataLoss) << file << " " << size;
    }
  }
}

TEST(JournalDamageTest, ReadTellsADamagedRecord) {
  FaultyFileSystem files;
  JournalModel model(files);
  ASSERT_TRUE(model.Open().ok());
  ASSERT_TRUE(model.Append(5).ok());
  const Place place = model.last_place();
  ASSERT_TRUE(model.journal().Read(place).ok());
  const Place shifted{place.segment, place.offset + 8, place.size};
  EXPECT_EQ(model.journal().Read(shifted).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(model.journal().Read({99, 136, 8}).status().code(), absl::StatusCode::kNotFound);
  model.Close();
  const std::string path = SegmentPath(kDirectory, place.segment);
  std::string bytes = files.Content(path);
  ASSERT_TRUE(model.Open().ok());
  bytes[place.offset + 6] ^= 4;
  files.SetContent(path, bytes);
  const absl::Status read = model.journal().Read(place).status();
  EXPECT_EQ(read.code(), absl::StatusCode::kDataLoss);
  EXPECT_NE(read.message().find(absl::StrCat("offset ", place.offset)), absl::string_view::npos);
}

TEST(JournalDamageTest, AnySnapshotByteFlippedFallsBackToTheOlder) {
  const Written written = WriteJournal(30, true, true);
  std::vector<size_t> snapshots;
  for (size_t file = 0; file < written.images.size(); ++file) {
    if (written.images[file].name.ends_with(kSnapshotSuffix)) snapshots.push_back(file);
  }
  ASSERT_EQ(snapshots.size(), 2u);
  const auto state_of = [](const RecordingRecovery& found) {
    std::string state = found.snapshot;
    for (const std::string& record : found.records)
      absl::StrAppend(&state, record.substr(0, record.find(' ')), " ");
    return state;
  };
  const std::string whole = state_of(written.content);
  for (size_t at = 0; at < written.images[snapshots[1]].bytes.size(); ++at) {
    std::vector<Image> images = written.images;
    images[snapshots[1]].bytes[at] ^= 0x10;
    const auto older = Recovered(images);
    ASSERT_TRUE(older.ok()) << older.status();
    ASSERT_EQ(state_of(*older), whole) << at;
    ASSERT_GT(older->records.size(), written.content.records.size());
    images[snapshots[0]].bytes[at / 2] ^= 0x10;
    const auto none = Recovered(images);
    ASSERT_TRUE(none.ok()) << none.status();
    ASSERT_EQ(none->snapshot, "");
    ASSERT_EQ(none->records.size(), 30u);
  }
  std::vector<Image> only_snapshots = {written.images[snapshots[0]], written.images[snapshots[1]]};
  EXPECT_EQ(Recovered(only_snapshots).status().code(), absl::StatusCode::kDataLoss);
}

TEST(JournalDamageTest, BothSnapshotsDamagedAfterAReleaseIsTold) {
  FaultyFileSystem files;
  JournalModel model(files);
  ASSERT_TRUE(model.Open().ok());
  for (int i = 0; i < 40; ++i) ASSERT_TRUE(model.Append(1).ok());
  ASSERT_TRUE(model.Snapshot().ok());
  ASSERT_TRUE(model.Snapshot().ok());
  ASSERT_TRUE(model.Release().ok());
  model.Close();
  std::vector<Image> images = ImagesOf(files);
  for (Image& image : images) {
    if (image.name.ends_with(kSnapshotSuffix)) image.bytes[70] ^= 1;
  }
  EXPECT_EQ(Recovered(images).status().code(), absl::StatusCode::kDataLoss);
}

TEST(JournalDamageTest, AJournalThatEndsBeforeItsSnapshotIsTold) {
  FaultyFileSystem files;
  JournalModel model(files);
  ASSERT_TRUE(model.Open().ok());
  for (int i = 0; i < 40; ++i) ASSERT_TRUE(model.Append(1).ok());
  ASSERT_TRUE(model.Snapshot().ok());
  const Place covered = model.last_place();
  model.Close();
  std::vector<Image> images = ImagesOf(files);
  ASSERT_TRUE(Recovered(images).ok());
  std::erase_if(images, [&](const Image& image) {
    const auto number = NumberOf(image.name, kSegmentSuffix);
    return number.has_value() && *number >= covered.segment;
  });
  // As if nothing had been trimmed: its length alone does not tell.
  for (Image& image : images) {
    if (image.name.ends_with(kSegmentSuffix)) image.bytes.resize(SmallOptions().segment_bytes);
  }
  EXPECT_EQ(Recovered(images).status().code(), absl::StatusCode::kDataLoss);
}

TEST(JournalDamageTest, ARecordAtAnotherPlaceIsTold) {
  FaultyFileSystem files;
  std::vector<Place> places;
  {
    RecordingRecovery none;
    auto journal = Journal::Open(files, kDirectory, SmallOptions(), none);
    ASSERT_TRUE(journal.ok());
    for (const char* payload : {"the first one", "the second 1!"})
      (*journal)->Append(payload, [&](absl::StatusOr<Place> place) { places.push_back(*place); });
  }
  const std::string path = SegmentPath(kDirectory, places.at(0).segment);
  std::string bytes = files.Content(path);
  bytes.replace(places[1].offset, places[1].size, bytes, places[0].offset, places[0].size);
  files.SetContent(path, bytes);
  RecordingRecovery none;
  EXPECT_EQ(Journal::Open(files, kDirectory, SmallOptions(), none).status().code(),
            absl::StatusCode::kDataLoss);
}

TEST(JournalDamageTest, ASegmentOfAnotherJournalIsTold) {
  const Written one = WriteJournal(30, true, false);
  const Written other = WriteJournal(30, true, false);
  std::vector<Image> mixed = one.images;
  mixed[1].bytes = other.images[1].bytes;
  EXPECT_EQ(Recovered(mixed).status().code(), absl::StatusCode::kDataLoss);
  std::vector<Image> swapped = one.images;
  std::swap(swapped[0].bytes, swapped[1].bytes);
  EXPECT_EQ(Recovered(swapped).status().code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace afluente::broker::log
