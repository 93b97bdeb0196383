#include "broker/log/format.h"

#include <cstring>

#include "absl/strings/str_cat.h"
#include "broker/log/crc32c.h"

namespace afluente::broker::log {
namespace {

constexpr std::string_view kSegmentMagic = "AFLJSEG1";
constexpr std::string_view kSnapshotMagic = "AFLJSNP1";
constexpr uint32_t kGroupMagic = 0x31475241;  // "ARG1"
constexpr size_t kChecksumBytes = 4;
constexpr size_t kNumberDigits = 16;

void AppendUint64(uint64_t value, std::string& to) {
  AppendUint32(static_cast<uint32_t>(value), to);
  AppendUint32(static_cast<uint32_t>(value >> 32), to);
}

uint64_t ReadUint64(std::string_view bytes, size_t at) {
  return ReadUint32(bytes, at) | static_cast<uint64_t>(ReadUint32(bytes, at + 4)) << 32;
}

// Pads what was appended since `start` and ends it with its checksum, `size` bytes in all.
void Finish(size_t start, size_t size, std::string& to) {
  to.resize(start + size - kChecksumBytes, '\0');
  AppendUint32(Crc32c(std::string_view(to).substr(start)), to);
}

bool Verified(std::string_view bytes, size_t size) {
  return Crc32c(bytes.substr(0, size - kChecksumBytes)) == ReadUint32(bytes, size - kChecksumBytes);
}

std::string NumberedPath(const std::string& directory, uint64_t number, std::string_view suffix) {
  return absl::StrCat(directory, "/", absl::Hex(number, absl::kZeroPad16), std::string(suffix));
}

}  // namespace

void AppendUint32(uint32_t value, std::string& to) {
  const char bytes[4] = {static_cast<char>(value), static_cast<char>(value >> 8),
                         static_cast<char>(value >> 16), static_cast<char>(value >> 24)};
  to.append(bytes, sizeof(bytes));
}

uint32_t ReadUint32(std::string_view bytes, size_t at) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i)
    value |= static_cast<uint32_t>(static_cast<unsigned char>(bytes[at + i])) << (8 * i);
  return value;
}

std::optional<std::string_view> PayloadAt(std::string_view bytes, size_t at, uint64_t segment,
                                          uint32_t offset) {
  if (bytes.size() - at < kRecordOverheadBytes) return std::nullopt;
  const uint64_t size = ReadUint32(bytes, at);
  if (RecordBytes(size) > bytes.size() - at) return std::nullopt;
  const std::string_view payload = bytes.substr(at + 4, size);
  const std::string_view padding = bytes.substr(at + kRecordOverheadBytes + size,
                                                RecordBytes(size) - kRecordOverheadBytes - size);
  if (padding.find_first_not_of('\0') != std::string_view::npos) return std::nullopt;
  if (PlacedChecksum(PayloadChecksum(payload), segment, offset) != ReadUint32(bytes, at + 4 + size))
    return std::nullopt;
  return payload;
}

void AppendHeader(const SegmentHeader& header, std::string& to) {
  const size_t start = to.size();
  to.append(kSegmentMagic);
  AppendUint64(header.number, to);
  to.append(header.identity);
  AppendUint64(header.epoch, to);
  AppendUint64(header.salt, to);
  AppendUint64(header.previous, to);
  AppendUint32(header.previous_synced, to);
  AppendUint32(header.file_bytes, to);
  Finish(start, kSegmentHeaderBytes, to);
}

void AppendHeader(const GroupHeader& header, std::string& to) {
  const size_t start = to.size();
  AppendUint32(kGroupMagic, to);
  AppendUint32(header.offset, to);
  AppendUint64(header.salt, to);
  AppendUint32(header.synced, to);
  AppendUint32(header.bytes, to);
  AppendUint32(header.records, to);
  Finish(start, kGroupHeaderBytes, to);
}

void AppendHeader(const SnapshotHeader& header, std::string& to) {
  const size_t start = to.size();
  to.append(kSnapshotMagic);
  to.append(header.identity);
  AppendUint64(header.covered.segment, to);
  AppendUint32(header.covered.offset, to);
  AppendUint32(header.covered.size, to);
  AppendUint64(header.state_bytes, to);
  AppendUint32(header.state_checksum, to);
  Finish(start, kSnapshotHeaderBytes, to);
}

std::optional<SegmentHeader> DecodeSegmentHeader(std::string_view bytes) {
  if (bytes.size() < kSegmentHeaderBytes || bytes.substr(0, 8) != kSegmentMagic ||
      !Verified(bytes, kSegmentHeaderBytes))
    return std::nullopt;
  SegmentHeader header;
  header.number = ReadUint64(bytes, 8);
  header.identity = bytes.substr(16, kIdentityBytes);
  header.epoch = ReadUint64(bytes, 32);
  header.salt = ReadUint64(bytes, 40);
  header.previous = ReadUint64(bytes, 48);
  header.previous_synced = ReadUint32(bytes, 56);
  header.file_bytes = ReadUint32(bytes, 60);
  return header;
}

std::optional<GroupHeader> DecodeGroupHeader(std::string_view bytes) {
  if (bytes.size() < kGroupHeaderBytes || ReadUint32(bytes, 0) != kGroupMagic ||
      !Verified(bytes, kGroupHeaderBytes))
    return std::nullopt;
  GroupHeader header;
  header.offset = ReadUint32(bytes, 4);
  header.salt = ReadUint64(bytes, 8);
  header.synced = ReadUint32(bytes, 16);
  header.bytes = ReadUint32(bytes, 20);
  header.records = ReadUint32(bytes, 24);
  return header;
}

std::optional<SnapshotHeader> DecodeSnapshotHeader(std::string_view bytes) {
  if (bytes.size() < kSnapshotHeaderBytes || bytes.substr(0, 8) != kSnapshotMagic ||
      !Verified(bytes, kSnapshotHeaderBytes))
    return std::nullopt;
  SnapshotHeader header;
  header.identity = bytes.substr(8, kIdentityBytes);
  header.covered.segment = ReadUint64(bytes, 24);
  header.covered.offset = ReadUint32(bytes, 32);
  header.covered.size = ReadUint32(bytes, 36);
  header.state_bytes = ReadUint64(bytes, 40);
  header.state_checksum = ReadUint32(bytes, 48);
  return header;
}

uint32_t PayloadChecksum(std::string_view payload) {
  std::string size;
  AppendUint32(static_cast<uint32_t>(payload.size()), size);
  return Crc32c(size, Crc32c(payload));
}

uint32_t PlacedChecksum(uint32_t payload_checksum, uint64_t segment, uint32_t offset) {
  return payload_checksum ^ offset ^ static_cast<uint32_t>(segment * 0x9e3779b97f4a7c15 >> 32);
}

std::string SegmentPath(const std::string& directory, uint64_t number) {
  return NumberedPath(directory, number, kSegmentSuffix);
}

std::string SnapshotPath(const std::string& directory, uint64_t number) {
  return NumberedPath(directory, number, kSnapshotSuffix);
}

std::optional<uint64_t> NumberOf(std::string_view name, std::string_view suffix) {
  if (name.size() != kNumberDigits + suffix.size() || !name.ends_with(suffix)) return std::nullopt;
  uint64_t number = 0;
  for (char digit : name.substr(0, kNumberDigits)) {
    const bool decimal = digit >= '0' && digit <= '9';
    if (!decimal && (digit < 'a' || digit > 'f')) return std::nullopt;
    number = number << 4 | static_cast<uint64_t>(decimal ? digit - '0' : digit - 'a' + 10);
  }
  return number;
}

absl::Status DataLoss(uint64_t segment, uint64_t offset, std::string_view what) {
  return absl::DataLossError(absl::StrCat("journal segment ", absl::Hex(segment, absl::kZeroPad16),
                                          std::string(kSegmentSuffix), " is damaged at offset ",
                                          offset, ": ", std::string(what)));
}

}  // namespace afluente::broker::log
