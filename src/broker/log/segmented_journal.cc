#include "broker/log/segmented_journal.h"

#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "broker/log/format.h"
#include "broker/log/journal_recovery.h"
#include "host/check.h"
#include "host/random.h"

namespace afluente::broker::log {
namespace {

// What a queued record costs besides its payload; keeps many tiny ones within the bound too.
constexpr uint64_t kPendingOverheadBytes = 128;

// More than this is left to the writer's thread: who lends a thread has other things to do.
constexpr uint64_t kLentBytesMax = 256 << 10;

// The journal that this thread will write for when its work is done; nobody need be woken then.
thread_local const SegmentedJournal* lender = nullptr;

absl::Status Validate(const JournalOptions& options) {
  const uint64_t largest =
      std::max<uint64_t>(RecordBytes(options.record_bytes_max), options.group_bytes_max);
  if (kSegmentHeaderBytes + kGroupHeaderBytes + largest > options.segment_bytes)
    return absl::InvalidArgumentError("the journal's segments are smaller than a group or record");
  if (options.queue_bytes_max < RecordBytes(options.record_bytes_max) + kPendingOverheadBytes)
    return absl::InvalidArgumentError("the journal's queue is smaller than a record");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Journal>> Journal::Open(host::FileSystem& files,
                                                       const std::string& directory,
                                                       const JournalOptions& options,
                                                       Recovery& recovery) {
  AFLUENTE_RETURN_IF_ERROR(Validate(options));
  AFLUENTE_RETURN_IF_ERROR(files.CreateDirectory(directory));
  AFLUENTE_ASSIGN_OR_RETURN(std::unique_ptr<SnapshotStore> snapshots,
                            SnapshotStore::Open(files, directory, options.on_trouble));
  AFLUENTE_ASSIGN_OR_RETURN(RecoveredJournal recovered,
                            RecoverJournal(files, directory, *snapshots, recovery));
  if (recovered.identity.empty()) recovered.identity = host::RandomBytes(kIdentityBytes);
  auto journal = std::make_unique<SegmentedJournal>(files, directory, options, std::move(recovered),
                                                    std::move(snapshots));
  AFLUENTE_RETURN_IF_ERROR(journal->Start());
  return journal;
}

absl::StatusOr<std::vector<host::FilePart>> JournalFiles::OpenFiles() const {
  return absl::UnimplementedError("the journal has no files");
}

SegmentedJournal::SegmentedJournal(host::FileSystem& files, std::string directory,
                                   const JournalOptions& options, RecoveredJournal recovered,
                                   std::unique_ptr<SnapshotStore> snapshots)
    : files_(files),
      directory_(std::move(directory)),
      options_(options),
      recovered_(std::move(recovered)),
      identity_hex_(absl::BytesToHexString(recovered_.identity)),
      snapshots_(std::move(snapshots)),
      cache_(files, directory_),
      writer_(files, directory_, options, recovered_,
              [this](uint64_t number, uint64_t bytes) { SegmentSized(number, bytes); }),
      segments_(recovered_.segments),
      last_synced_(recovered_.last_record) {}

absl::Status SegmentedJournal::Start() {
  for (uint64_t number : recovered_.unused)
    AFLUENTE_RETURN_IF_ERROR(files_.Remove(SegmentPath(directory_, number)));
  AFLUENTE_RETURN_IF_ERROR(writer_.Start());
  thread_ = std::thread([this] { RunWriter(); });
  return absl::OkStatus();
}

SegmentedJournal::~SegmentedJournal() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  arrived_.Signal();
  if (thread_.joinable()) thread_.join();
}

Batch& SegmentedJournal::OpenBatch(uint64_t record_bytes) {
  if (queue_.empty() ||
      (queue_.back()->bytes > 0 && queue_.back()->bytes + record_bytes > options_.group_bytes_max))
    queue_.push_back(std::make_unique<Batch>());
  return *queue_.back();
}

void SegmentedJournal::Append(std::string payload, Appended done) {
  PendingRecord record;
  const uint64_t size = payload.size();
  if (size > options_.record_bytes_max) {
    record.refusal = absl::InvalidArgumentError(absl::StrCat(
        "record_bytes_max: a record of ", size, " bytes, at most ", options_.record_bytes_max));
  } else {
    record.checksum = PayloadChecksum(payload);
  }
  record.done = std::move(done);
  bool wake = false;
  {
    absl::MutexLock lock(&mutex_);
    const uint64_t cost = size + kPendingOverheadBytes;
    if (record.refusal.ok() && queued_bytes_ + cost > options_.queue_bytes_max) {
      record.refusal = absl::ResourceExhaustedError(
          absl::StrCat("queue_bytes_max: ", queued_bytes_, " bytes wait for the journal's disk"));
    }
    // A thread that writes looks again before it stops.
    wake = queue_.empty() && !writing_ && lender != this;
    if (record.refusal.ok()) {
      record.payload = std::move(payload);
      queued_bytes_ += cost;
      Batch& batch = OpenBatch(RecordBytes(size));
      batch.bytes += RecordBytes(size);
      ++batch.count;
      batch.records.push_back(std::move(record));
    } else {
      OpenBatch(0).records.push_back(std::move(record));
    }
  }
  if (wake) arrived_.Signal();
}

void SegmentedJournal::Lend(absl::FunctionRef<void()> work) {
  const SegmentedJournal* before = std::exchange(lender, this);
  work();
  lender = before;
  while (std::unique_ptr<Batch> batch = LentBatch()) Write(*batch).IgnoreError();
}

std::unique_ptr<Batch> SegmentedJournal::LentBatch() {
  absl::MutexLock lock(&mutex_);
  if (writing_ || queue_.empty()) return nullptr;
  if (queued_bytes_ <= kLentBytesMax) return TakeFront();
  arrived_.Signal();
  return nullptr;
}

std::unique_ptr<Batch> SegmentedJournal::TakeFront() {
  std::unique_ptr<Batch> batch = std::move(queue_.front());
  queue_.pop_front();
  writing_ = true;
  return batch;
}

std::unique_ptr<Batch> SegmentedJournal::NextBatch() {
  absl::MutexLock lock(&mutex_);
  while (true) {
    if (!writing_ && !queue_.empty()) return TakeFront();
    if (stopping_ && !writing_ && !unsealed_) return nullptr;
    const uint64_t before = groups_;
    watching_ = unsealed_;
    bool idle = stopping_ && !writing_;
    if (!unsealed_) {
      arrived_.Wait(&mutex_);
    } else if (!idle) {
      idle = arrived_.WaitWithTimeout(&mutex_, absl::FromChrono(options_.idle));
    }
    if (!idle || writing_ || !queue_.empty() || groups_ != before || !unsealed_) continue;
    writing_ = true;
    return std::make_unique<Batch>();
  }
}

bool SegmentedJournal::Stopping() const {
  absl::MutexLock lock(&mutex_);
  return stopping_;
}

absl::Status SegmentedJournal::Write(Batch& batch) {
  const bool refusals_only = batch.count == 0 && !batch.records.empty();
  const absl::Status status = refusals_only ? absl::OkStatus() : writer_.Write(batch);
  Answer(batch, status);
  bool wake = false;
  {
    absl::MutexLock lock(&mutex_);
    writing_ = false;
    unsealed_ = writer_.unsealed();
    ++groups_;
    // The writer's thread seals what a lender wrote last.
    wake = stopping_ || (unsealed_ && !watching_);
    if (wake) watching_ = true;
  }
  if (wake) arrived_.Signal();
  return status;
}

void SegmentedJournal::RunWriter() {
  while (std::unique_ptr<Batch> batch = NextBatch()) {
    const absl::Status status = Write(*batch);
    // A seal that fails is tried again when idle, and given up at the end.
    if (batch->records.empty() && !status.ok() && Stopping()) break;
  }
}

void SegmentedJournal::Answer(Batch& batch, const absl::Status& status) {
  uint64_t cost = 0;
  for (const PendingRecord& record : batch.records) {
    if (record.refusal.ok()) cost += record.payload.size() + kPendingOverheadBytes;
  }
  {
    absl::MutexLock lock(&mutex_);
    queued_bytes_ -= cost;
    if (status.ok() && batch.count > 0) {
      for (auto record = batch.records.rbegin(); record != batch.records.rend(); ++record) {
        if (!record->refusal.ok()) continue;
        last_synced_ = record->place;
        break;
      }
    }
  }
  for (PendingRecord& record : batch.records) {
    if (!record.refusal.ok()) {
      std::move(record.done)(std::move(record.refusal));
    } else if (!status.ok()) {
      std::move(record.done)(status);
    } else {
      std::move(record.done)(record.place);
    }
  }
}

absl::StatusOr<std::string> SegmentedJournal::Read(const Place& place) const {
  if (place.size < kRecordOverheadBytes || place.offset < kSegmentHeaderBytes)
    return absl::InvalidArgumentError("not the place of a journal record");
  AFLUENTE_ASSIGN_OR_RETURN(const std::shared_ptr<const host::File> file,
                            cache_.Get(place.segment));
  // The size field before the payload is skipped: the checksum covers it.
  const size_t size = place.size - kRecordOverheadBytes;
  AFLUENTE_ASSIGN_OR_RETURN(std::string bytes, file->ReadAt(place.offset + 4, size + 4));
  if (bytes.size() < size + 4)
    return DataLoss(place.segment, place.offset, "the file ends within a record");
  const uint32_t stored = ReadUint32(bytes, size);
  bytes.resize(size);
  if (PlacedChecksum(PayloadChecksum(bytes), place.segment, place.offset) != stored)
    return DataLoss(place.segment, place.offset, "a record's checksum is wrong");
  return bytes;
}

absl::Status SegmentedJournal::ReadBlock(const Place& block, EachRecord each) const {
  if (block.size < kRecordOverheadBytes || block.offset < kSegmentHeaderBytes)
    return absl::InvalidArgumentError("not a stretch of journal records");
  AFLUENTE_ASSIGN_OR_RETURN(const std::shared_ptr<const host::File> file,
                            cache_.Get(block.segment));
  const uint64_t size = Padded(block.size);
  AFLUENTE_ASSIGN_OR_RETURN(const std::string stretch, file->ReadAt(block.offset, size));
  if (stretch.size() < size)
    return DataLoss(block.segment, block.offset, "the file ends within records");
  for (size_t at = 0; at < stretch.size();) {
    const uint32_t offset = block.offset + static_cast<uint32_t>(at);
    // No record is as large as a group's magic number, read as a size.
    if (const auto group = DecodeGroupHeader(std::string_view(stretch).substr(at))) {
      if (group->offset != offset)
        return DataLoss(block.segment, offset, "a group lies where it does not belong");
      at += kGroupHeaderBytes;
      continue;
    }
    const auto payload = PayloadAt(stretch, at, block.segment, offset);
    if (!payload.has_value()) return DataLoss(block.segment, offset, "a record does not verify");
    const auto bytes = static_cast<uint32_t>(payload->size()) + kRecordOverheadBytes;
    AFLUENTE_RETURN_IF_ERROR(each(Place{block.segment, offset, bytes}, *payload));
    at += Padded(bytes);
  }
  return absl::OkStatus();
}

absl::Status SegmentedJournal::WriteSnapshot(const Place& covered, std::string_view state) {
  {
    absl::MutexLock lock(&mutex_);
    if (covered > last_synced_)
      return absl::FailedPreconditionError("a snapshot covers synced records only");
  }
  return snapshots_->Write(recovered_.identity, covered, state);
}

absl::Status SegmentedJournal::ReleaseBefore(uint64_t segment) {
  const uint64_t end = std::min(segment, snapshots_->FirstSegmentNeeded());
  bool removed = false;
  absl::MutexLock removing(&removing_);
  while (true) {
    uint64_t number = 0;
    {
      absl::MutexLock lock(&mutex_);
      if (segments_.empty() || segments_.begin()->first >= end) break;
      number = segments_.begin()->first;
    }
    // Oldest first: a crash in between leaves no gap.
    absl::Status status = files_.Remove(SegmentPath(directory_, number));
    if (!status.ok() && !absl::IsNotFound(status)) return status;
    cache_.Forget(number);
    removed = true;
    absl::MutexLock lock(&mutex_);
    segments_.erase(number);
  }
  return removed ? files_.SyncDirectory(directory_) : absl::OkStatus();
}

absl::StatusOr<std::vector<host::FilePart>> SegmentedJournal::OpenFiles() const {
  absl::MutexLock removing(&removing_);
  // Before the last record is read: a snapshot must not cover records that the copy lacks.
  AFLUENTE_ASSIGN_OR_RETURN(std::vector<host::FilePart> parts, snapshots_->OpenFiles());
  std::map<uint64_t, uint64_t> taken;
  Place last;
  {
    absl::MutexLock lock(&mutex_);
    last = last_synced_;
    for (const auto& [number, bytes] : segments_) {
      // Of a journal without records its first segment's header tells which journal it is.
      if (number <= last.segment || taken.empty()) taken[number] = bytes;
    }
  }
  for (const auto& [number, known_bytes] : taken) {
    const std::string path = SegmentPath(directory_, number);
    AFLUENTE_ASSIGN_OR_RETURN(std::shared_ptr<const host::File> file,
                              files_.Open(path, host::FileSystem::Mode::kRead));
    AFLUENTE_ASSIGN_OR_RETURN(uint64_t size, file->Size());
    // What is behind the records of an ended segment may be cut off at any moment.
    uint64_t bytes = std::min(size, known_bytes);
    if (number < last.segment) size = bytes;
    if (number >= last.segment) {
      bytes = number == last.segment ? last.offset + Padded(last.size) : kSegmentHeaderBytes;
      // The copy's last segment may have successors here, and lost its unused end to them.
      AFLUENTE_ASSIGN_OR_RETURN(const std::string start, file->ReadAt(0, kSegmentHeaderBytes));
      const std::optional<SegmentHeader> header = DecodeSegmentHeader(start);
      if (!header.has_value()) return DataLoss(number, 0, "its header does not verify");
      size = header->file_bytes;
    }
    parts.push_back({path.substr(directory_.size() + 1), std::move(file), bytes, size});
  }
  return parts;
}

void SegmentedJournal::SegmentSized(uint64_t number, uint64_t bytes) {
  absl::MutexLock lock(&mutex_);
  segments_[number] = bytes;
}

uint64_t SegmentedJournal::bytes_on_disk() const {
  uint64_t sum = snapshots_->bytes();
  absl::MutexLock lock(&mutex_);
  for (const auto& [number, bytes] : segments_) sum += bytes;
  return sum;
}

}  // namespace afluente::broker::log
