#include "broker/log/segment_reader.h"

#include <algorithm>

#include "host/check.h"

namespace afluente::broker::log {
namespace {

constexpr uint64_t kWindowBytes = 2 << 20;

}  // namespace

absl::StatusOr<std::string_view> SegmentReader::Window(uint64_t offset, uint64_t size) {
  if (offset >= window_start_ && offset + size <= window_start_ + window_.size())
    return std::string_view(window_).substr(offset - window_start_, size);
  window_.clear();
  const uint64_t left = file_bytes_ > offset ? file_bytes_ - offset : 0;
  AFLUENTE_ASSIGN_OR_RETURN(window_,
                            file_.ReadAt(offset, std::min(left, std::max(size, kWindowBytes))));
  window_start_ = offset;
  return std::string_view(window_).substr(0, size);
}

absl::StatusOr<std::string_view> SegmentReader::Group() {
  AFLUENTE_ASSIGN_OR_RETURN(std::string_view bytes, Window(position_, kGroupHeaderBytes));
  const std::optional<GroupHeader> group = DecodeGroupHeader(bytes);
  const uint64_t end = limit_.value_or(file_bytes_);
  if (!group.has_value() || group->salt != header_.salt || group->offset != position_ ||
      group->synced > position_ || group->bytes % kAlignment != 0 ||
      position_ + uint64_t{kGroupHeaderBytes} + group->bytes > end)
    return std::string_view();
  AFLUENTE_ASSIGN_OR_RETURN(bytes, Window(position_, kGroupHeaderBytes + uint64_t{group->bytes}));
  if (!Verified(bytes, group->records)) return std::string_view();
  return bytes;
}

bool SegmentReader::Verified(std::string_view group, uint32_t records) const {
  size_t at = kGroupHeaderBytes;
  for (uint32_t i = 0; i < records; ++i) {
    const auto payload =
        PayloadAt(group, at, header_.number, position_ + static_cast<uint32_t>(at));
    if (!payload.has_value()) return false;
    at += RecordBytes(payload->size());
  }
  return at == group.size();
}

absl::StatusOr<bool> SegmentReader::EndAt() {
  if (limit_.has_value()) return DataLoss(header_.number, position_, "a synced group is broken");
  AFLUENTE_ASSIGN_OR_RETURN(bool synced, SyncedBeyond(file_, file_bytes_, position_, header_.salt));
  if (synced)
    return DataLoss(header_.number, position_,
                    "a group is broken that was synced before a later one");
  return false;
}

absl::StatusOr<bool> SegmentReader::NextGroup(const OnRecord& each) {
  if (limit_.has_value() && position_ == *limit_) return false;
  AFLUENTE_ASSIGN_OR_RETURN(std::string_view group, Group());
  if (group.size() < kGroupHeaderBytes) return EndAt();
  for (size_t at = kGroupHeaderBytes; at < group.size();) {
    const uint32_t size = ReadUint32(group, at);
    const Place place{header_.number, position_ + static_cast<uint32_t>(at),
                      size + kRecordOverheadBytes};
    AFLUENTE_RETURN_IF_ERROR(each(place, group.substr(at + 4, size)));
    at += RecordBytes(size);
    ++records_;
  }
  last_group_ = position_ == kSegmentHeaderBytes ? 0 : position_;
  position_ += static_cast<uint32_t>(group.size());
  return true;
}

absl::StatusOr<bool> SyncedBeyond(const host::File& file, uint64_t file_bytes, uint64_t from,
                                  std::optional<uint64_t> salt) {
  constexpr std::string_view kZeros("\0\0\0\0\0\0\0\0", kAlignment);
  for (uint64_t start = from; start + kGroupHeaderBytes <= file_bytes; start += kWindowBytes) {
    // Windows overlap by a header, so that none is missed where two meet.
    AFLUENTE_ASSIGN_OR_RETURN(
        const std::string window,
        file.ReadAt(start, std::min(kWindowBytes + kGroupHeaderBytes, file_bytes - start)));
    const std::string_view bytes = window;
    for (uint64_t at = 0; at + kGroupHeaderBytes <= bytes.size() && at < kWindowBytes;
         at += kAlignment) {
      if (bytes.substr(at, kAlignment) == kZeros) continue;
      const std::optional<GroupHeader> group = DecodeGroupHeader(bytes.substr(at));
      if (!group.has_value() || group->offset != start + at) continue;
      if (!salt.has_value() || (group->salt == *salt && group->synced > from)) return true;
    }
  }
  return false;
}

}  // namespace afluente::broker::log
