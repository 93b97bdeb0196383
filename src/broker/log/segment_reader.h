#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "broker/log/format.h"
#include "host/file_system.h"

namespace afluente::broker::log {

// Reads the groups of one segment in order, each only when all of it verifies. Used at recovery, by
// one thread; memory is one window, or one group where that is larger.
class SegmentReader {
 public:
  // `limit`: where the next segment says that this one's synced bytes end; nullopt for the last
  // one.
  SegmentReader(const host::File& file, const SegmentHeader& header, uint64_t file_bytes,
                std::optional<uint32_t> limit)
      : file_(file), header_(header), file_bytes_(file_bytes), limit_(limit) {}

  using OnRecord = std::function<absl::Status(const Place&, std::string_view)>;
  // Hands the next group's records to `each`. False at the end of the synced bytes. DATA_LOSS where
  // bytes that were synced are damaged; a torn tail is an end.
  absl::StatusOr<bool> NextGroup(const OnRecord& each);

  uint32_t end() const { return position_; }  // of the groups read so far
  // Where the last group read starts; 0 before the first and for the first, which goes to disk with
  // the segment's header.
  uint32_t last_group() const { return last_group_; }
  uint64_t records() const { return records_; }

 private:
  absl::StatusOr<std::string_view> Window(uint64_t offset, uint64_t size);
  // The whole group at `position_`, header included; empty when it does not verify.
  absl::StatusOr<std::string_view> Group();
  bool Verified(std::string_view group, uint32_t records) const;
  absl::StatusOr<bool> EndAt();

  const host::File& file_;
  const SegmentHeader& header_;
  const uint64_t file_bytes_;
  const std::optional<uint32_t> limit_;
  uint32_t position_ = kSegmentHeaderBytes;
  uint32_t last_group_ = 0;
  uint64_t records_ = 0;
  std::string window_;
  uint64_t window_start_ = 0;
};

// Whether a group header that verifies lies in the file at or after `from` and says that bytes
// beyond `from` were synced before it. Without a salt, of any group.
absl::StatusOr<bool> SyncedBeyond(const host::File& file, uint64_t file_bytes, uint64_t from,
                                  std::optional<uint64_t> salt);

}  // namespace afluente::broker::log
