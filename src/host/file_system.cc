#include "host/file_system.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"
#include "host/check.h"
#include "host/descriptor.h"
#include "host/posix_error.h"

namespace afluente::host {
namespace {

class PosixFile final : public File {
 public:
  PosixFile(Descriptor descriptor, std::string path)
      : descriptor_(std::move(descriptor)), path_(std::move(path)) {}

  absl::Status WriteAt(uint64_t offset, std::string_view bytes) override {
    while (!bytes.empty()) {
      ssize_t written = Uninterrupted([&] {
        return pwrite(descriptor_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
      });
      if (written < 0) return PosixError(errno, "write", path_);
      if (written == 0) return PosixError(EIO, "write", path_);
      offset += static_cast<uint64_t>(written);
      bytes.remove_prefix(static_cast<size_t>(written));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::string> ReadAt(uint64_t offset, size_t size) const override {
    std::string bytes(size, '\0');
    size_t filled = 0;
    while (filled < size) {
      ssize_t count = Uninterrupted([&] {
        return pread(descriptor_.get(), bytes.data() + filled, size - filled,
                     static_cast<off_t>(offset + filled));
      });
      if (count < 0) return PosixError(errno, "read", path_);
      if (count == 0) break;
      filled += static_cast<size_t>(count);
    }
    bytes.resize(filled);
    return bytes;
  }

  absl::Status Sync() override {
    // No retry: after any error, even an interrupted one, the kernel may have dropped the pages.
    if (fdatasync(descriptor_.get()) != 0) return PosixError(errno, "sync", path_);
    return absl::OkStatus();
  }

  absl::Status Truncate(uint64_t size) override {
    if (Uninterrupted([&] { return ftruncate(descriptor_.get(), static_cast<off_t>(size)); }) != 0)
      return PosixError(errno, "truncate", path_);
    return absl::OkStatus();
  }

  absl::Status Allocate(uint64_t size) override {
    int error = EINTR;
    while (error == EINTR) error = posix_fallocate(descriptor_.get(), 0, static_cast<off_t>(size));
    if (error != 0) return PosixError(error, "allocate", path_);
    return absl::OkStatus();
  }

  absl::StatusOr<uint64_t> Size() const override {
    struct stat state = {};
    if (fstat(descriptor_.get(), &state) != 0) return PosixError(errno, "stat", path_);
    return static_cast<uint64_t>(state.st_size);
  }

 private:
  Descriptor descriptor_;
  std::string path_;
};

bool IsDirectory(const std::string& path) {
  struct stat state = {};
  return stat(path.c_str(), &state) == 0 && S_ISDIR(state.st_mode);
}

int FlagsOf(FileSystem::Mode mode) {
  switch (mode) {
    case FileSystem::Mode::kRead:
      return O_RDONLY;
    case FileSystem::Mode::kReadWrite:
      return O_RDWR;
    case FileSystem::Mode::kCreateNew:
    case FileSystem::Mode::kCreateSecret:
      return O_RDWR | O_CREAT | O_EXCL;
  }
  return O_RDONLY;
}

}  // namespace

absl::StatusOr<std::unique_ptr<File>> PosixFileSystem::Open(const std::string& path, Mode mode) {
  const mode_t rights = mode == Mode::kCreateSecret ? 0600 : 0640;
  int number = Uninterrupted([&] { return open(path.c_str(), FlagsOf(mode) | O_CLOEXEC, rights); });
  if (number < 0) return PosixError(errno, "open", path);
  return std::make_unique<PosixFile>(Descriptor(number), path);
}

absl::Status PosixFileSystem::Rename(const std::string& from, const std::string& to) {
  if (std::rename(from.c_str(), to.c_str()) != 0) return PosixError(errno, "rename", from);
  return absl::OkStatus();
}

absl::Status PosixFileSystem::Remove(const std::string& path) {
  if (unlink(path.c_str()) != 0) return PosixError(errno, "remove", path);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> PosixFileSystem::List(const std::string& directory) const {
  std::unique_ptr<DIR, int (*)(DIR*)> stream(opendir(directory.c_str()), closedir);
  if (stream == nullptr) return PosixError(errno, "list", directory);
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = readdir(stream.get())) {
    std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(std::move(name));
    errno = 0;
  }
  if (errno != 0) return PosixError(errno, "list", directory);
  std::sort(names.begin(), names.end());
  return names;
}

absl::Status PosixFileSystem::CreateDirectory(const std::string& path) {
  if (path.empty() || IsDirectory(path)) return absl::OkStatus();
  size_t end = path.find_last_not_of('/');
  size_t slash = end == std::string::npos ? end : path.find_last_of('/', end);
  const std::string parent = slash == std::string::npos ? "" : path.substr(0, slash);
  AFLUENTE_RETURN_IF_ERROR(CreateDirectory(parent));
  if (mkdir(path.c_str(), 0750) == 0)
    return SyncDirectory(parent.empty() ? (slash == 0 ? "/" : ".") : parent);
  const int error = errno;
  if (error == EEXIST && IsDirectory(path)) return absl::OkStatus();
  return PosixError(error, "create directory", path);
}

absl::Status PosixFileSystem::SyncDirectory(const std::string& directory) {
  Descriptor descriptor(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (descriptor.get() < 0) return PosixError(errno, "open directory", directory);
  if (fsync(descriptor.get()) != 0) return PosixError(errno, "sync directory", directory);
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> PosixFileSystem::FreeBytes(const std::string& path) const {
  struct statvfs state = {};
  if (statvfs(path.c_str(), &state) != 0) return PosixError(errno, "free space of", path);
  return static_cast<uint64_t>(state.f_bavail) * state.f_frsize;
}

}  // namespace afluente::host
