#pragma once

#include <memory>
#include <string>
#include <vector>

#include "host/file_system.h"

namespace afluente::telemetry {

class Histogram;

// Files whose syncs are timed. Owned by roles/; as thread-safe as `files`, which outlives it.
class MeasuredFileSystem final : public host::FileSystem {
 public:
  MeasuredFileSystem(host::FileSystem& files, Histogram& sync_seconds)
      : files_(files), sync_seconds_(sync_seconds) {}
  absl::StatusOr<std::unique_ptr<host::File>> Open(const std::string& path, Mode mode) override;
  absl::Status Rename(const std::string& from, const std::string& to) override;
  absl::Status Remove(const std::string& path) override;
  absl::StatusOr<std::vector<std::string>> List(const std::string& directory) const override;
  absl::Status CreateDirectory(const std::string& path) override;
  absl::Status SyncDirectory(const std::string& directory) override;
  absl::StatusOr<uint64_t> FreeBytes(const std::string& path) const override;

 private:
  host::FileSystem& files_;
  Histogram& sync_seconds_;
};

}  // namespace afluente::telemetry
