#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "host/file_system.h"

namespace afluente::host {

// A file system in memory that fails as a disk does, for tests: the Nth operation, syncs, a full
// disk, and a power loss after which of the unsynced writes, sizes and names a random part is left.
// What a seed does, it does again. Thread-safe.
class FaultyFileSystem final : public FileSystem {
 public:
  explicit FaultyFileSystem(uint64_t seed = 1) : random_(seed) {}

  // The `nth` operation from now (1 = the next, 0 = none) fails with UNAVAILABLE: a write after a
  // random part of it, a sync having dropped a random part of what was dirty.
  void FailOperation(uint64_t nth);
  // So do all operations from the `nth` on, without any effect: the process or the power is gone.
  void FailFrom(uint64_t nth);
  // So do the next `count` syncs of files.
  void FailSyncs(uint64_t count);
  void SetCapacity(uint64_t bytes);
  // Power off and on: faults are forgotten, open files are dead, of what was not synced each sector
  // (512 bytes), size and name is kept or lost at random.
  void PowerLoss();

  uint64_t operations() const;  // since the beginning
  uint64_t faults() const;      // those that failed on purpose
  // The file's bytes, past any fault; empty when there is none. Setting them is durable.
  std::string Content(const std::string& path) const;
  void SetContent(const std::string& path, std::string bytes);

  absl::StatusOr<std::unique_ptr<File>> Open(const std::string& path, Mode mode) override;
  absl::Status Rename(const std::string& from, const std::string& to) override;
  absl::Status Remove(const std::string& path) override;
  absl::StatusOr<std::vector<std::string>> List(const std::string& directory) const override;
  absl::Status CreateDirectory(const std::string& path) override;
  absl::Status SyncDirectory(const std::string& directory) override;
  absl::StatusOr<uint64_t> FreeBytes(const std::string& path) const override;

 private:
  class OpenFile;
  struct Inode {
    std::string bytes;         // as processes see them
    std::string durable;       // as the disk has them
    std::set<uint64_t> dirty;  // sectors that differ, as far as the kernel knows
    uint64_t synced_size = 0;  // the size when last synced
  };
  // Shared: an open file outlives its name, and both names and their durable copy point to it.
  using Names = std::map<std::string, std::shared_ptr<Inode>>;

  // Counts one operation; the error when it is to fail.
  absl::Status Step() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Write(Inode& inode, uint64_t offset, std::string_view bytes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status SyncInode(Inode& inode) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Resizes, or fails when the disk would be more than full.
  absl::Status Grow(Inode& inode, uint64_t size) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Put(Inode& inode, uint64_t offset, std::string_view bytes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Flush(Inode& inode, bool all) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  uint64_t Free() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool Coin() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return (random_() & 1) != 0; }

  mutable absl::Mutex mutex_;
  std::mt19937_64 random_ ABSL_GUARDED_BY(mutex_);
  Names names_ ABSL_GUARDED_BY(mutex_);
  Names durable_names_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> directories_ ABSL_GUARDED_BY(mutex_){"", "/"};
  uint64_t capacity_ ABSL_GUARDED_BY(mutex_) = uint64_t{1} << 40;
  uint64_t life_ ABSL_GUARDED_BY(mutex_) = 0;  // one more at each power loss
  mutable uint64_t operations_ ABSL_GUARDED_BY(mutex_) = 0;
  mutable uint64_t faults_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t fail_at_ ABSL_GUARDED_BY(mutex_) = 0;    // 0 = none
  uint64_t fail_from_ ABSL_GUARDED_BY(mutex_) = 0;  // 0 = none
  uint64_t fail_syncs_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace afluente::host
