#include "broker/log/segment_writer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "host/check.h"
#include "host/random.h"

namespace afluente::broker::log {
namespace {

// From this size on a payload is written from where it is: a system call costs less than the copy.
constexpr size_t kCopiedBytesMax = 64 << 10;
// Less slack than this part of it stays in a full segment.
constexpr uint32_t kSlackParts = 64;
constexpr uint64_t kFirstEpoch = 1;

}  // namespace

SegmentWriter::SegmentWriter(host::FileSystem& files, std::string directory,
                             const JournalOptions& options, const RecoveredJournal& recovered,
                             Sized sized)
    : files_(files),
      directory_(std::move(directory)),
      options_(options),
      sized_(std::move(sized)),
      identity_(recovered.identity),
      epoch_(recovered.epoch + 1),
      replace_last_(recovered.replace_last),
      next_number_(recovered.next_segment),
      synced_segment_(recovered.last_segment),
      synced_end_(recovered.last_end),
      supply_(files, directory_, options.segment_bytes, options.reserve_bytes) {}

SegmentHeader SegmentWriter::NextHeader() const {
  SegmentHeader header;
  header.number = next_number_;
  header.identity = identity_;
  header.epoch = epoch_;
  header.salt = host::RandomUint64();
  header.previous = synced_segment_;
  header.previous_synced = synced_end_;
  header.file_bytes = options_.segment_bytes;
  return header;
}

absl::Status SegmentWriter::Start() {
  Batch seal;
  const absl::Status started = replace_last_ ? ReplaceLast() : Write(seal);
  if (!absl::IsResourceExhausted(started) || epoch_ == kFirstEpoch) return started;
  // On a full disk reads go on, and appends once there is room. What was to be replaced stays as it
  // is until then.
  if (replace_last_) ++next_number_;
  if (options_.on_trouble) options_.on_trouble(started);
  return absl::OkStatus();
}

// The last segment of the run before holds no record: a new one takes its place at once.
absl::Status SegmentWriter::ReplaceLast() {
  const std::string path = SegmentPath(directory_, next_number_);
  const std::string temporary = absl::StrCat(path, std::string(kTemporarySuffix));
  header_ = NextHeader();
  std::string bytes;
  AppendHeader(header_, bytes);
  AFLUENTE_ASSIGN_OR_RETURN(std::unique_ptr<host::File> file,
                            files_.Open(temporary, host::FileSystem::Mode::kCreateNew));
  absl::Status made = file->Allocate(options_.segment_bytes);
  if (made.ok()) made = file->WriteAt(0, bytes);
  if (made.ok()) made = file->Sync();
  if (made.ok()) made = files_.Rename(temporary, path);
  if (!made.ok()) {
    files_.Remove(temporary).IgnoreError();
    return made;
  }
  AFLUENTE_RETURN_IF_ERROR(files_.SyncDirectory(directory_));
  file_ = std::move(file);
  end_ = synced_end_ = kSegmentHeaderBytes;
  synced_segment_ = next_number_++;
  Begun(0, 0);
  return absl::OkStatus();
}

// Only now does nothing that follows need the segment before beyond its synced bytes.
void SegmentWriter::Begun(uint64_t before, uint32_t before_end) {
  sized_(header_.number, options_.segment_bytes);
  supply_.Prepare(next_number_);
  if (before == 0 || before_end + options_.segment_bytes / kSlackParts > options_.segment_bytes)
    return;
  supply_.Trim(before, before_end);
  sized_(before, before_end);
}

absl::Status SegmentWriter::Roll(uint64_t group_bytes) {
  if (file_ != nullptr) {
    const uint64_t end = std::max<uint64_t>(end_, kSegmentHeaderBytes);
    if (end + group_bytes <= options_.segment_bytes) return absl::OkStatus();
    file_.reset();
  }
  AFLUENTE_ASSIGN_OR_RETURN(file_, supply_.Take(next_number_));
  header_ = NextHeader();
  ++next_number_;
  end_ = 0;
  return absl::OkStatus();
}

void SegmentWriter::Lay(Batch& batch) {
  buffer_.clear();
  pieces_.clear();
  uint64_t copied = kSegmentHeaderBytes + kGroupHeaderBytes;
  for (const PendingRecord& record : batch.records)
    copied += RecordBytes(record.payload.size() > kCopiedBytesMax ? 0 : record.payload.size()) +
              kAlignment;
  buffer_.reserve(copied);  // pieces point into it
  uint64_t piece_offset = end_;
  size_t piece_start = 0;
  uint32_t offset = end_;
  if (end_ == 0) {
    AppendHeader(header_, buffer_);
    offset = kSegmentHeaderBytes;
  }
  AppendHeader(
      GroupHeader{header_.salt, offset, offset, static_cast<uint32_t>(batch.bytes), batch.count},
      buffer_);
  offset += kGroupHeaderBytes;
  const auto close_piece = [&] {
    const std::string_view bytes = std::string_view(buffer_).substr(piece_start);
    pieces_.push_back({piece_offset, bytes});
    piece_offset += bytes.size();
    piece_start = buffer_.size();
  };
  for (PendingRecord& record : batch.records) {
    if (!record.refusal.ok()) continue;
    const size_t size = record.payload.size();
    record.place = {header_.number, offset, static_cast<uint32_t>(size) + kRecordOverheadBytes};
    AppendUint32(static_cast<uint32_t>(size), buffer_);
    if (size > kCopiedBytesMax) {
      close_piece();
      pieces_.push_back({piece_offset, record.payload});
      piece_offset += size;
    } else {
      buffer_.append(record.payload);
    }
    AppendUint32(PlacedChecksum(record.checksum, header_.number, offset), buffer_);
    buffer_.append(RecordBytes(size) - size - kRecordOverheadBytes, '\0');
    offset += static_cast<uint32_t>(RecordBytes(size));
  }
  close_piece();
}

absl::Status SegmentWriter::WritePieces() {
  for (const Piece& piece : pieces_)
    AFLUENTE_RETURN_IF_ERROR(file_->WriteAt(piece.offset, piece.bytes));
  return file_->Sync();
}

void SegmentWriter::GiveUp(const absl::Status& cause) {
  file_.reset();
  const bool again = std::exchange(gave_up_, true);
  if (again && !absl::IsResourceExhausted(cause)) {
    broken_ = absl::UnavailableError(absl::StrCat(
        "the journal refuses writes until a restart, the disk failed twice: ", cause.message()));
  }
  if (options_.on_trouble) options_.on_trouble(broken_.ok() ? cause : broken_);
}

absl::Status SegmentWriter::Write(Batch& batch) {
  if (!broken_.ok()) return broken_;
  if (absl::Status rolled = Roll(kGroupHeaderBytes + batch.bytes); !rolled.ok()) {
    if (absl::IsResourceExhausted(rolled)) return rolled;
    GiveUp(rolled);
    return absl::UnavailableError(rolled.message());
  }
  Lay(batch);
  if (absl::Status written = WritePieces(); !written.ok()) {
    GiveUp(written);
    if (absl::IsResourceExhausted(written)) return written;
    return absl::UnavailableError(written.message());
  }
  const bool first = end_ == 0;
  end_ = static_cast<uint32_t>(pieces_.back().offset + pieces_.back().bytes.size());
  synced_segment_ = header_.number;
  synced_end_ = end_;
  gave_up_ = false;
  unsealed_ = batch.count > 0;
  if (first) Begun(header_.previous, header_.previous_synced);
  return absl::OkStatus();
}

}  // namespace afluente::broker::log
