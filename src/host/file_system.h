#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace afluente::host {

// An open file. Positions are explicit, so reads may run on any thread beside one writer.
class File {
 public:
  virtual ~File() = default;
  // Writes all of `bytes` at `offset`, or fails (RESOURCE_EXHAUSTED: disk full; UNAVAILABLE: I/O
  // error).
  virtual absl::Status WriteAt(uint64_t offset, std::string_view bytes) = 0;
  // Reads up to `size` bytes; fewer only at the end of the file.
  virtual absl::StatusOr<std::string> ReadAt(uint64_t offset, size_t size) const = 0;
  // On disk when OK. After an error the file's state is unknown: never sync the same descriptor
  // again.
  virtual absl::Status Sync() = 0;
  virtual absl::Status Truncate(uint64_t size) = 0;
  // Reserves disk for the first `size` bytes and grows the file to them (zeros), so that writes
  // there neither meet a full disk nor change the size.
  virtual absl::Status Allocate(uint64_t size) = 0;
  virtual absl::StatusOr<uint64_t> Size() const = 0;
};

// Port: the files of the data directory. Thread-safe. Paths are plain; NOT_FOUND where there is
// none.
class FileSystem {
 public:
  virtual ~FileSystem() = default;
  // kCreateSecret creates a file that its owner alone may read.
  enum class Mode { kRead, kReadWrite, kCreateNew, kCreateSecret };
  virtual absl::StatusOr<std::unique_ptr<File>> Open(const std::string& path, Mode mode) = 0;
  virtual absl::Status Rename(const std::string& from, const std::string& to) = 0;
  virtual absl::Status Remove(const std::string& path) = 0;
  virtual absl::StatusOr<std::vector<std::string>> List(const std::string& directory) const = 0;
  // Creates a directory and its parents; OK when it exists.
  virtual absl::Status CreateDirectory(const std::string& path) = 0;
  // Makes creations, renames and removals in `directory` durable.
  virtual absl::Status SyncDirectory(const std::string& directory) = 0;
  virtual absl::StatusOr<uint64_t> FreeBytes(const std::string& path) const = 0;
};

class PosixFileSystem final : public FileSystem {
 public:
  absl::StatusOr<std::unique_ptr<File>> Open(const std::string& path, Mode mode) override;
  absl::Status Rename(const std::string& from, const std::string& to) override;
  absl::Status Remove(const std::string& path) override;
  absl::StatusOr<std::vector<std::string>> List(const std::string& directory) const override;
  absl::Status CreateDirectory(const std::string& path) override;
  absl::Status SyncDirectory(const std::string& directory) override;
  absl::StatusOr<uint64_t> FreeBytes(const std::string& path) const override;
};

}  // namespace afluente::host
