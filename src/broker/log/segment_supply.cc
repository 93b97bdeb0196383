#include "broker/log/segment_supply.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "broker/log/format.h"
#include "host/check.h"

namespace afluente::broker::log {
namespace {

constexpr size_t kQueueMax = 16;

absl::Status RemoveIfThere(host::FileSystem& files, const std::string& path) {
  absl::Status removed = files.Remove(path);
  return absl::IsNotFound(removed) ? absl::OkStatus() : removed;
}

}  // namespace

SegmentSupply::SegmentSupply(host::FileSystem& files, std::string directory, uint64_t segment_bytes,
                             uint64_t reserve_bytes)
    : files_(files),
      directory_(std::move(directory)),
      segment_bytes_(segment_bytes),
      reserve_bytes_(reserve_bytes),
      maker_(std::make_unique<host::WorkerPool>(1, kQueueMax)) {}

SegmentSupply::~SegmentSupply() {
  maker_.reset();
  absl::MutexLock lock(&mutex_);
  if (!ready_.has_value() || ready_->file == nullptr) return;
  ready_->file.reset();
  files_.Remove(SegmentPath(directory_, ready_->number)).IgnoreError();
}

absl::StatusOr<std::unique_ptr<host::File>> SegmentSupply::Make(uint64_t number) {
  const std::string path = SegmentPath(directory_, number);
  AFLUENTE_RETURN_IF_ERROR(RemoveIfThere(files_, path));
  AFLUENTE_ASSIGN_OR_RETURN(const uint64_t free, files_.FreeBytes(directory_));
  if (free < segment_bytes_ + reserve_bytes_) {
    return absl::ResourceExhaustedError(
        absl::StrCat("disk full: ", free, " bytes free, a new journal segment takes ",
                     segment_bytes_, " and ", reserve_bytes_, " stay in reserve"));
  }
  AFLUENTE_ASSIGN_OR_RETURN(std::unique_ptr<host::File> file,
                            files_.Open(path, host::FileSystem::Mode::kCreateNew));
  absl::Status made = file->Allocate(segment_bytes_);
  if (made.ok()) made = file->Sync();
  if (made.ok()) made = files_.SyncDirectory(directory_);
  if (made.ok()) return file;
  file.reset();
  files_.Remove(path).IgnoreError();
  return made;
}

void SegmentSupply::Prepare(uint64_t number) {
  {
    absl::MutexLock lock(&mutex_);
    if (ready_.has_value()) return;
    ready_ = Ready{number, nullptr, true};
  }
  const bool taken = maker_->Submit([this, number] {
    absl::StatusOr<std::unique_ptr<host::File>> made = Make(number);
    absl::MutexLock lock(&mutex_);
    ready_->making = false;
    if (made.ok()) ready_->file = *std::move(made);
  });
  if (taken) return;
  absl::MutexLock lock(&mutex_);
  ready_.reset();
}

absl::StatusOr<std::unique_ptr<host::File>> SegmentSupply::Take(uint64_t number) {
  std::optional<Ready> ready;
  {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(this, &SegmentSupply::Made));
    ready = std::exchange(ready_, std::nullopt);
  }
  if (!ready.has_value() || ready->file == nullptr) return Make(number);
  if (ready->number == number) return std::move(ready->file);
  ready->file.reset();
  AFLUENTE_RETURN_IF_ERROR(RemoveIfThere(files_, SegmentPath(directory_, ready->number)));
  return Make(number);
}

void SegmentSupply::Trim(uint64_t number, uint64_t bytes) {
  // A full queue only means that the slack stays until the segment goes.
  (void)maker_->Submit([this, number, bytes] {
    absl::StatusOr<std::unique_ptr<host::File>> file =
        files_.Open(SegmentPath(directory_, number), host::FileSystem::Mode::kReadWrite);
    if (file.ok()) (*file)->Truncate(bytes).IgnoreError();
  });
}

}  // namespace afluente::broker::log
