#include "warehouse/duckdb/checkpointer.h"

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <chrono>

namespace afluente::warehouse::duckdb {
namespace {

constexpr uint64_t kQuietBytes = 48 << 20;
constexpr uint64_t kHardBytes = 192 << 20;
// What a checkpoint may write besides the log's own content.
constexpr uint64_t kSpareBytes = 256 << 20;
constexpr std::chrono::milliseconds kQuiet{150};
constexpr std::chrono::seconds kAfterFailure{10};

}  // namespace

uint64_t WalBytes(const std::string& database_path) {
  struct stat file{};
  return stat((database_path + ".wal").c_str(), &file) == 0 ? file.st_size : 0;
}

Checkpointer::Checkpointer(Committer& committer, std::string database_path)
    : committer_(committer), database_path_(std::move(database_path)) {
  thread_ = std::thread([this] { Loop(); });
}

Checkpointer::~Checkpointer() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    changed_.Signal();
  }
  thread_.join();
}

void Checkpointer::Committed() {
  uint64_t wal_bytes = WalBytes(database_path_);
  absl::MutexLock lock(&mutex_);
  wal_bytes_ = wal_bytes;
  last_commit_ = std::chrono::steady_clock::now();
  if (wal_bytes_ >= kQuietBytes) changed_.Signal();
}

bool Checkpointer::DueLocked() const {
  auto now = std::chrono::steady_clock::now();
  if (now < not_before_) return false;
  return wal_bytes_ >= kHardBytes || now >= last_commit_ + kQuiet;
}

bool Checkpointer::DiskHasRoom(uint64_t wal_bytes) const {
  struct statvfs disk{};
  if (statvfs(database_path_.c_str(), &disk) != 0) return false;
  return uint64_t{disk.f_bavail} * disk.f_frsize >= 2 * wal_bytes + kSpareBytes;
}

void Checkpointer::Loop() {
  while (true) {
    uint64_t wal_bytes = 0;
    {
      absl::MutexLock lock(&mutex_);
      while (!stopping_ && wal_bytes_ < kQuietBytes) changed_.Wait(&mutex_);
      while (!stopping_ && !DueLocked()) {
        changed_.WaitWithTimeout(&mutex_, absl::FromChrono(kQuiet));
      }
      if (stopping_) return;
      wal_bytes = wal_bytes_;
    }
    bool done = DiskHasRoom(wal_bytes) && committer_.Checkpoint().ok();
    uint64_t left = WalBytes(database_path_);
    absl::MutexLock lock(&mutex_);
    wal_bytes_ = left;
    if (!done) not_before_ = std::chrono::steady_clock::now() + kAfterFailure;
  }
}

}  // namespace afluente::warehouse::duckdb
