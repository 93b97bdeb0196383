#include "broker/log/journal_recovery.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "broker/log/segment_reader.h"
#include "host/check.h"

namespace afluente::broker::log {
namespace {

struct FoundSegment {
  uint64_t bytes = 0;
  std::optional<SegmentHeader> header;  // nullopt: it does not verify
};
using FoundSegments = std::map<uint64_t, FoundSegment>;

absl::StatusOr<FoundSegments> FindSegments(host::FileSystem& files, const std::string& directory) {
  AFLUENTE_ASSIGN_OR_RETURN(const std::vector<std::string> names, files.List(directory));
  FoundSegments found;
  for (const std::string& name : names) {
    const std::optional<uint64_t> number = NumberOf(name, kSegmentSuffix);
    if (!number.has_value()) continue;
    AFLUENTE_ASSIGN_OR_RETURN(
        const std::unique_ptr<host::File> file,
        files.Open(SegmentPath(directory, *number), host::FileSystem::Mode::kRead));
    FoundSegment& segment = found[*number];
    AFLUENTE_ASSIGN_OR_RETURN(segment.bytes, file->Size());
    AFLUENTE_ASSIGN_OR_RETURN(const std::string bytes, file->ReadAt(0, kSegmentHeaderBytes));
    segment.header = DecodeSegmentHeader(bytes);
    if (segment.header.has_value() && segment.header->number != *number)
      return DataLoss(*number, 0, "it is another segment, renamed");
  }
  return found;
}

// One replay, from the files found to RecoveredJournal.
class Replay {
 public:
  Replay(host::FileSystem& files, const std::string& directory, SnapshotStore& snapshots,
         Recovery& recovery)
      : files_(files), directory_(directory), snapshots_(snapshots), recovery_(recovery) {}

  absl::StatusOr<RecoveredJournal> Run() {
    AFLUENTE_ASSIGN_OR_RETURN(found_, FindSegments(files_, directory_));
    AFLUENTE_RETURN_IF_ERROR(FindLast());
    if (last_ == 0) {
      if (snapshots_.any_file())
        return absl::DataLossError("the journal's segments are gone: there are only snapshots");
      return std::move(result_);
    }
    result_.identity = found_[last_].header->identity;
    result_.epoch = found_[last_].header->epoch;
    AFLUENTE_ASSIGN_OR_RETURN(const std::optional<Snapshot> snapshot,
                              snapshots_.Newest(result_.identity));
    if (snapshot.has_value()) {
      covered_ = snapshot->covered;
      covered_seen_ = covered_ == Place{};
    }
    AFLUENTE_RETURN_IF_ERROR(Link());
    if (snapshot.has_value()) AFLUENTE_RETURN_IF_ERROR(recovery_.OnSnapshot(snapshot->state));
    for (size_t i = 0; i < chain_.size(); ++i) AFLUENTE_RETURN_IF_ERROR(ReplaySegment(i));
    if (!covered_seen_) return MissingCovered();
    Conclude();
    return std::move(result_);
  }

 private:
  // The last segment is the newest one that was written to. A prepared one holds nothing yet.
  absl::Status FindLast() {
    while (!found_.empty() && !found_.rbegin()->second.header.has_value()) {
      const uint64_t number = found_.rbegin()->first;
      AFLUENTE_ASSIGN_OR_RETURN(
          const std::unique_ptr<host::File> file,
          files_.Open(SegmentPath(directory_, number), host::FileSystem::Mode::kRead));
      AFLUENTE_ASSIGN_OR_RETURN(
          const bool written, SyncedBeyond(*file, found_.rbegin()->second.bytes, 0, std::nullopt));
      if (written) return DataLoss(number, 0, "its header is broken, and groups follow");
      result_.unused.push_back(number);
      found_.erase(number);
    }
    if (!found_.empty()) last_ = found_.rbegin()->first;
    return absl::OkStatus();
  }

  // Walks back from the last segment to the one where the replay starts.
  absl::Status Link() {
    uint64_t number = last_;
    while (true) {
      const auto segment = found_.find(number);
      if (segment == found_.end())
        return DataLoss(number, 0, "the file is gone, and a later segment continues it");
      const std::optional<SegmentHeader>& header = segment->second.header;
      if (!header.has_value()) return DataLoss(number, 0, "its header does not verify");
      if (header->identity != result_.identity)
        return DataLoss(number, 0, "it belongs to another journal");
      if (header->previous >= number || header->epoch > result_.epoch)
        return DataLoss(number, 0, "its header contradicts the journal's order");
      chain_.push_back(number);
      if (number <= covered_.segment || header->previous == 0) break;
      number = header->previous;
    }
    std::reverse(chain_.begin(), chain_.end());
    return absl::OkStatus();
  }

  absl::Status ReplaySegment(size_t index) {
    const uint64_t number = chain_[index];
    const FoundSegment& segment = found_[number];
    std::optional<uint32_t> limit;
    if (index + 1 < chain_.size()) limit = found_[chain_[index + 1]].header->previous_synced;
    if (limit.has_value() && (*limit < kSegmentHeaderBytes || *limit > segment.bytes))
      return DataLoss(number, segment.bytes, "synced bytes are missing at its end");
    if (!limit.has_value() && segment.bytes < segment.header->file_bytes)
      return DataLoss(number, segment.bytes, "the file is shorter than it was made");
    AFLUENTE_ASSIGN_OR_RETURN(
        std::unique_ptr<host::File> file,
        files_.Open(SegmentPath(directory_, number), host::FileSystem::Mode::kRead));
    SegmentReader reader(*file, *segment.header, segment.bytes, limit);
    bool more = true;
    while (more) {
      AFLUENTE_ASSIGN_OR_RETURN(
          more, reader.NextGroup([this](const Place& place, std::string_view payload) {
            return OnRecord(place, payload);
          }));
    }
    if (limit.has_value()) return absl::OkStatus();
    result_.last_segment = number;
    result_.last_end = reader.end();
    // With nothing in it, the last segment is replaced: restarts leave no row of empty files.
    result_.replace_last = reader.records() == 0;
    return Harden(number, reader.last_group(), reader.end());
  }

  // The last group may be in the page cache alone, even clean there after a failed sync. It is
  // written and synced anew before anyone sees it; those before it were synced when it was written.
  absl::Status Harden(uint64_t number, uint32_t from, uint32_t end) {
    AFLUENTE_ASSIGN_OR_RETURN(
        const std::unique_ptr<host::File> file,
        files_.Open(SegmentPath(directory_, number), host::FileSystem::Mode::kReadWrite));
    AFLUENTE_ASSIGN_OR_RETURN(const std::string bytes, file->ReadAt(from, end - from));
    AFLUENTE_RETURN_IF_ERROR(file->WriteAt(from, bytes));
    return file->Sync();
  }

  absl::Status OnRecord(const Place& place, std::string_view payload) {
    result_.last_record = place;
    if (place > covered_ || covered_ == Place{}) return recovery_.OnRecord(place, payload);
    if (place == covered_) covered_seen_ = true;
    return absl::OkStatus();
  }

  absl::Status MissingCovered() const {
    return DataLoss(covered_.segment, covered_.offset,
                    "the last record that a snapshot covers is not there");
  }

  void Conclude() {
    for (const auto& [number, segment] : found_) {
      const bool linked = std::find(chain_.begin(), chain_.end(), number) != chain_.end();
      // Below the start a segment may still be read; above it, one outside the chain was given up.
      if (linked || number < chain_.front()) {
        result_.segments[number] = segment.bytes;
      } else {
        result_.unused.push_back(number);
      }
    }
    if (result_.replace_last) {
      const SegmentHeader& last = *found_[last_].header;
      result_.next_segment = last_;
      result_.last_segment = last.previous;
      result_.last_end = last.previous_synced;
      return;
    }
    result_.next_segment = last_ + 1;
  }

  host::FileSystem& files_;
  const std::string& directory_;
  SnapshotStore& snapshots_;
  Recovery& recovery_;
  RecoveredJournal result_;
  FoundSegments found_;
  uint64_t last_ = 0;
  std::vector<uint64_t> chain_;
  Place covered_;
  bool covered_seen_ = true;
};

}  // namespace

absl::StatusOr<RecoveredJournal> RecoverJournal(host::FileSystem& files,
                                                const std::string& directory,
                                                SnapshotStore& snapshots, Recovery& recovery) {
  return Replay(files, directory, snapshots, recovery).Run();
}

}  // namespace afluente::broker::log
