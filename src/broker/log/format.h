#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "broker/log/journal.h"

// The bytes of docs/formats/journal.md. Integers are little-endian; CRC-32C throughout.
namespace afluente::broker::log {

inline constexpr uint32_t kAlignment = 8;  // of groups and records
inline constexpr uint32_t kSegmentHeaderBytes = 72;
inline constexpr uint32_t kGroupHeaderBytes = 32;
inline constexpr uint32_t kRecordOverheadBytes = 8;  // size before, checksum after the payload
inline constexpr uint32_t kIdentityBytes = 16;
inline constexpr uint32_t kSnapshotHeaderBytes = 64;

struct SegmentHeader {
  uint64_t number = 0;
  std::string identity;  // kIdentityBytes, raw
  uint64_t epoch = 0;    // one more at each opening
  uint64_t salt = 0;     // in every group's header; no payload can guess it
  // Where the journal's synced bytes ended when this segment was begun; 0, 0 in the first one.
  uint64_t previous = 0;
  uint32_t previous_synced = 0;
  // The file's size when begun. Nothing shortens it while it is the last segment.
  uint32_t file_bytes = 0;
};

struct GroupHeader {
  uint64_t salt = 0;
  uint32_t offset = 0;   // of this header in its segment
  uint32_t synced = 0;   // all bytes before it were on disk when this group was written
  uint32_t bytes = 0;    // of the records that follow
  uint32_t records = 0;  // 0: a seal, written when idle and at the end
};

struct SnapshotHeader {
  std::string identity;
  Place covered;
  uint64_t state_bytes = 0;
  uint32_t state_checksum = 0;
};

void AppendHeader(const SegmentHeader& header, std::string& to);
void AppendHeader(const GroupHeader& header, std::string& to);
void AppendHeader(const SnapshotHeader& header, std::string& to);
// nullopt when the bytes are no whole header (too few, or a wrong checksum).
std::optional<SegmentHeader> DecodeSegmentHeader(std::string_view bytes);
std::optional<GroupHeader> DecodeGroupHeader(std::string_view bytes);
std::optional<SnapshotHeader> DecodeSnapshotHeader(std::string_view bytes);

constexpr uint64_t Padded(uint64_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}
// What a record of this payload takes in a group, padding included.
constexpr uint64_t RecordBytes(uint64_t payload_bytes) {
  return Padded(payload_bytes + kRecordOverheadBytes);
}
// The costly part of a record's checksum; it needs no place yet.
uint32_t PayloadChecksum(std::string_view payload);
// The checksum as stored: bound to the place, so that bytes written or read elsewhere fail.
uint32_t PlacedChecksum(uint32_t payload_checksum, uint64_t segment, uint32_t offset);

// The payload of the record that starts at `at` of `bytes`, which lie at `offset` - `at` of their
// segment; nullopt when it does not verify, padding included.
std::optional<std::string_view> PayloadAt(std::string_view bytes, size_t at, uint64_t segment,
                                          uint32_t offset);

void AppendUint32(uint32_t value, std::string& to);
uint32_t ReadUint32(std::string_view bytes, size_t at);

std::string SegmentPath(const std::string& directory, uint64_t number);
std::string SnapshotPath(const std::string& directory, uint64_t number);
inline constexpr std::string_view kSegmentSuffix = ".segment";
inline constexpr std::string_view kSnapshotSuffix = ".snapshot";
inline constexpr std::string_view kTemporarySuffix = ".tmp";
// The number in a file name with this suffix; nullopt for any other name.
std::optional<uint64_t> NumberOf(std::string_view name, std::string_view suffix);

absl::Status DataLoss(uint64_t segment, uint64_t offset, std::string_view what);

}  // namespace afluente::broker::log
