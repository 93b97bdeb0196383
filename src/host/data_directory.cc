#include "host/data_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "host/check.h"
#include "host/file_system.h"
#include "host/posix_error.h"

namespace afluente::host {
namespace {

constexpr size_t kPidBytesMax = 32;

std::string HolderOf(int lock) {
  std::string pid(kPidBytesMax, '\0');
  const ssize_t size = pread(lock, pid.data(), pid.size(), 0);
  pid.resize(size > 0 ? static_cast<size_t>(size) : 0);
  pid.erase(pid.find_last_not_of("\n ") + 1);
  return pid.empty() ? "another process" : absl::StrCat("process ", pid);
}

}  // namespace

absl::StatusOr<std::unique_ptr<DataDirectory>> DataDirectory::Open(const std::string& path) {
  PosixFileSystem files;
  AFLUENTE_RETURN_IF_ERROR(files.CreateDirectory(path));
  const std::string lock_path = absl::StrCat(path, "/lock");
  Descriptor lock(open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640));
  if (lock.get() < 0) return PosixError(errno, "open", lock_path);
  if (Uninterrupted([&] { return flock(lock.get(), LOCK_EX | LOCK_NB); }) != 0) {
    if (errno != EWOULDBLOCK) return PosixError(errno, "lock", lock_path);
    return absl::FailedPreconditionError(
        absl::StrCat("the data directory ", path, " is in use by ", HolderOf(lock.get())));
  }
  const std::string pid = absl::StrCat(getpid(), "\n");
  if (ftruncate(lock.get(), 0) != 0 ||
      pwrite(lock.get(), pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size()))
    return PosixError(errno, "write", lock_path);
  return std::unique_ptr<DataDirectory>(new DataDirectory(path, std::move(lock)));
}

}  // namespace afluente::host
