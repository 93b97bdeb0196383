#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "broker/log/batch.h"
#include "broker/log/format.h"
#include "broker/log/journal_recovery.h"
#include "broker/log/segment_supply.h"
#include "host/file_system.h"

namespace afluente::broker::log {

// Writes groups to the newest segment and goes on to the next one when it is full or when a write
// or sync failed. Owned by the journal, used by its writer thread only. What Write answered OK is
// on disk.
class SegmentWriter {
 public:
  using Sized = std::function<void(uint64_t number, uint64_t bytes)>;
  // `sized` is told of each segment as its first group is on disk, and when it is trimmed.
  SegmentWriter(host::FileSystem& files, std::string directory, const JournalOptions& options,
                const RecoveredJournal& recovered, Sized sized);

  // Begins a segment of this run on disk, now or, when the disk is full and there is a journal
  // already, at the first write that finds room. Called once, before Write.
  absl::Status Start();
  // Writes one group and syncs it; sets the records' places. RESOURCE_EXHAUSTED: disk full, later
  // writes may pass; UNAVAILABLE: the disk refused, and from the second time in a row on every
  // call. After any error none of the batch is in the journal.
  absl::Status Write(Batch& batch);
  // Whether the last group is not yet followed by one that proves that it was synced.
  bool unsealed() const { return unsealed_ && broken_.ok(); }

 private:
  struct Piece {
    uint64_t offset = 0;
    std::string_view bytes;
  };
  absl::Status Roll(uint64_t group_bytes);
  absl::Status ReplaceLast();
  void Begun(uint64_t before, uint32_t before_end);
  void Lay(Batch& batch);
  absl::Status WritePieces();
  void GiveUp(const absl::Status& cause);
  SegmentHeader NextHeader() const;

  host::FileSystem& files_;
  const std::string directory_;
  const JournalOptions options_;
  const Sized sized_;
  const std::string identity_;
  const uint64_t epoch_;
  bool replace_last_;
  uint64_t next_number_;
  uint64_t synced_segment_;  // where the journal's synced bytes end
  uint32_t synced_end_;

  std::unique_ptr<host::File> file_;  // null: the next write begins a segment
  SegmentHeader header_;              // of `file_`
  uint32_t end_ = 0;                  // 0: the header is not written yet
  bool unsealed_ = false;
  bool gave_up_ = false;  // the last write failed, and nothing has been synced since
  absl::Status broken_;
  std::string buffer_;
  std::vector<Piece> pieces_;
  SegmentSupply supply_;
};

}  // namespace afluente::broker::log
