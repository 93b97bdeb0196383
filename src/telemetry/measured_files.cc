#include "telemetry/measured_files.h"

#include <chrono>
#include <utility>

#include "telemetry/metrics.h"

namespace afluente::telemetry {
namespace {

class MeasuredFile final : public host::File {
 public:
  MeasuredFile(std::unique_ptr<host::File> file, Histogram& sync_seconds)
      : file_(std::move(file)), sync_seconds_(sync_seconds) {}
  absl::Status WriteAt(uint64_t offset, std::string_view bytes) override {
    return file_->WriteAt(offset, bytes);
  }
  absl::StatusOr<std::string> ReadAt(uint64_t offset, size_t size) const override {
    return file_->ReadAt(offset, size);
  }
  absl::Status Sync() override {
    const auto begin = std::chrono::steady_clock::now();
    absl::Status synced = file_->Sync();
    sync_seconds_.Observe(
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
    return synced;
  }
  absl::Status Truncate(uint64_t size) override { return file_->Truncate(size); }
  absl::Status Allocate(uint64_t size) override { return file_->Allocate(size); }
  absl::StatusOr<uint64_t> Size() const override { return file_->Size(); }

 private:
  const std::unique_ptr<host::File> file_;
  Histogram& sync_seconds_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<host::File>> MeasuredFileSystem::Open(const std::string& path,
                                                                     Mode mode) {
  auto file = files_.Open(path, mode);
  if (!file.ok()) return file;
  return std::make_unique<MeasuredFile>(*std::move(file), sync_seconds_);
}

absl::Status MeasuredFileSystem::Rename(const std::string& from, const std::string& to) {
  return files_.Rename(from, to);
}
absl::Status MeasuredFileSystem::Remove(const std::string& path) { return files_.Remove(path); }
absl::StatusOr<std::vector<std::string>> MeasuredFileSystem::List(
    const std::string& directory) const {
  return files_.List(directory);
}
absl::Status MeasuredFileSystem::CreateDirectory(const std::string& path) {
  return files_.CreateDirectory(path);
}
absl::Status MeasuredFileSystem::SyncDirectory(const std::string& directory) {
  return files_.SyncDirectory(directory);
}
absl::StatusOr<uint64_t> MeasuredFileSystem::FreeBytes(const std::string& path) const {
  return files_.FreeBytes(path);
}

}  // namespace afluente::telemetry
