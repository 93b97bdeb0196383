#include "host/faulty_file_system.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "host/check.h"

namespace afluente::host {
namespace {

constexpr uint64_t kSectorBytes = 512;

std::string ParentOf(const std::string& path) {
  const size_t slash = path.find_last_of('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}

absl::Status NoSuch(const std::string& path) {
  return absl::NotFoundError(absl::StrCat("no such file: ", path));
}

}  // namespace

class FaultyFileSystem::OpenFile final : public File {
 public:
  OpenFile(FaultyFileSystem& files, std::shared_ptr<Inode> inode, bool writable, uint64_t life)
      : files_(files), inode_(std::move(inode)), writable_(writable), life_(life) {}

  absl::Status WriteAt(uint64_t offset, std::string_view bytes) override {
    absl::MutexLock lock(&files_.mutex_);
    AFLUENTE_RETURN_IF_ERROR(Usable(true));
    return files_.Write(*inode_, offset, bytes);
  }
  absl::StatusOr<std::string> ReadAt(uint64_t offset, size_t size) const override {
    absl::MutexLock lock(&files_.mutex_);
    AFLUENTE_RETURN_IF_ERROR(Usable(false));
    AFLUENTE_RETURN_IF_ERROR(files_.Step());
    if (offset >= inode_->bytes.size()) return std::string();
    return inode_->bytes.substr(offset, size);
  }
  absl::Status Sync() override {
    absl::MutexLock lock(&files_.mutex_);
    AFLUENTE_RETURN_IF_ERROR(Usable(false));
    // The contract of the port: a broken test double would hide a caller that breaks it.
    AFLUENTE_CHECK(!sync_failed_);
    absl::Status synced = files_.SyncInode(*inode_);
    sync_failed_ = !synced.ok();
    return synced;
  }
  absl::Status Truncate(uint64_t size) override {
    absl::MutexLock lock(&files_.mutex_);
    AFLUENTE_RETURN_IF_ERROR(Usable(true));
    AFLUENTE_RETURN_IF_ERROR(files_.Step());
    if (size > inode_->bytes.size()) return files_.Grow(*inode_, size);
    inode_->bytes.resize(size);
    return absl::OkStatus();
  }
  absl::Status Allocate(uint64_t size) override {
    absl::MutexLock lock(&files_.mutex_);
    AFLUENTE_RETURN_IF_ERROR(Usable(true));
    AFLUENTE_RETURN_IF_ERROR(files_.Step());
    return files_.Grow(*inode_, std::max<uint64_t>(size, inode_->bytes.size()));
  }
  absl::StatusOr<uint64_t> Size() const override {
    absl::MutexLock lock(&files_.mutex_);
    AFLUENTE_RETURN_IF_ERROR(Usable(false));
    AFLUENTE_RETURN_IF_ERROR(files_.Step());
    return inode_->bytes.size();
  }

 private:
  absl::Status Usable(bool for_writing) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(files_.mutex_) {
    if (life_ != files_.life_) return absl::UnavailableError("opened before the power loss");
    if (for_writing && !writable_) return absl::UnavailableError("opened for reading");
    return absl::OkStatus();
  }

  FaultyFileSystem& files_;
  const std::shared_ptr<Inode> inode_;  // shared with its name, which may go before
  const bool writable_;
  const uint64_t life_;
  bool sync_failed_ = false;
};

void FaultyFileSystem::FailOperation(uint64_t nth) {
  absl::MutexLock lock(&mutex_);
  fail_at_ = nth == 0 ? 0 : operations_ + nth;
}

void FaultyFileSystem::FailFrom(uint64_t nth) {
  absl::MutexLock lock(&mutex_);
  fail_from_ = nth == 0 ? 0 : operations_ + nth;
}

void FaultyFileSystem::FailSyncs(uint64_t count) {
  absl::MutexLock lock(&mutex_);
  fail_syncs_ = count;
}

void FaultyFileSystem::SetCapacity(uint64_t bytes) {
  absl::MutexLock lock(&mutex_);
  capacity_ = bytes;
}

void FaultyFileSystem::PowerLoss() {
  absl::MutexLock lock(&mutex_);
  ++life_;
  fail_at_ = fail_from_ = fail_syncs_ = 0;
  Names left = durable_names_;
  for (const auto& [path, inode] : names_) {
    const auto durable = durable_names_.find(path);
    if ((durable == durable_names_.end() || durable->second != inode) && Coin()) left[path] = inode;
  }
  for (const auto& [path, inode] : durable_names_) {
    if (!names_.contains(path) && Coin()) left.erase(path);
  }
  for (auto& [path, inode] : left) {
    Flush(*inode, false);
    inode->bytes = inode->durable;
    inode->synced_size = inode->durable.size();
  }
  names_ = durable_names_ = std::move(left);
}

uint64_t FaultyFileSystem::operations() const {
  absl::MutexLock lock(&mutex_);
  return operations_;
}

uint64_t FaultyFileSystem::faults() const {
  absl::MutexLock lock(&mutex_);
  return faults_;
}

std::string FaultyFileSystem::Content(const std::string& path) const {
  absl::MutexLock lock(&mutex_);
  const auto found = names_.find(path);
  return found == names_.end() ? "" : found->second->bytes;
}

void FaultyFileSystem::SetContent(const std::string& path, std::string bytes) {
  absl::MutexLock lock(&mutex_);
  auto inode = std::make_shared<Inode>();
  inode->synced_size = bytes.size();
  inode->durable = bytes;
  inode->bytes = std::move(bytes);
  names_[path] = durable_names_[path] = std::move(inode);
}

absl::Status FaultyFileSystem::Step() const {
  ++operations_;
  const bool fails = operations_ == fail_at_ || (fail_from_ != 0 && operations_ >= fail_from_);
  if (!fails) return absl::OkStatus();
  ++faults_;
  return absl::UnavailableError(absl::StrCat("operation ", operations_, " fails on purpose"));
}

uint64_t FaultyFileSystem::Free() const {
  uint64_t used = 0;
  for (const auto& [path, inode] : names_) used += inode->bytes.size();
  return used < capacity_ ? capacity_ - used : 0;
}

absl::Status FaultyFileSystem::Grow(Inode& inode, uint64_t size) {
  if (size > inode.bytes.size() && size - inode.bytes.size() > Free())
    return absl::ResourceExhaustedError("the disk is full");
  inode.bytes.resize(size);
  return absl::OkStatus();
}

void FaultyFileSystem::Put(Inode& inode, uint64_t offset, std::string_view bytes) {
  if (bytes.empty()) return;
  if (offset + bytes.size() > inode.bytes.size()) inode.bytes.resize(offset + bytes.size());
  std::copy(bytes.begin(), bytes.end(), inode.bytes.begin() + static_cast<ptrdiff_t>(offset));
  for (uint64_t sector = offset / kSectorBytes; sector * kSectorBytes < offset + bytes.size();
       ++sector)
    inode.dirty.insert(sector);
}

absl::Status FaultyFileSystem::Write(Inode& inode, uint64_t offset, std::string_view bytes) {
  const absl::Status step = Step();
  if (!step.ok()) {
    const bool powerless = fail_from_ != 0 && operations_ >= fail_from_;
    if (!powerless) Put(inode, offset, bytes.substr(0, random_() % (bytes.size() + 1)));
    return step;
  }
  const uint64_t room = std::max<uint64_t>(inode.bytes.size(), offset) + Free();
  if (offset + bytes.size() > std::max<uint64_t>(inode.bytes.size(), room)) {
    Put(inode, offset, bytes.substr(0, room > offset ? room - offset : 0));
    return absl::ResourceExhaustedError("the disk is full");
  }
  Put(inode, offset, bytes);
  return absl::OkStatus();
}

// Copies dirty sectors to the disk: all, or each or none at random. The kernel then takes them for
// clean, also after a sync that failed.
void FaultyFileSystem::Flush(Inode& inode, bool all) {
  const bool resized = inode.bytes.size() != inode.synced_size;
  if (all || !resized || Coin()) inode.durable.resize(inode.bytes.size());
  for (uint64_t sector : inode.dirty) {
    if (!all && !Coin()) continue;
    const uint64_t start = sector * kSectorBytes;
    const uint64_t end = std::min({start + kSectorBytes, inode.bytes.size(), inode.durable.size()});
    if (start < end) inode.durable.replace(start, end - start, inode.bytes, start, end - start);
  }
  inode.dirty.clear();
}

absl::Status FaultyFileSystem::SyncInode(Inode& inode) {
  absl::Status step = Step();
  if (step.ok() && fail_syncs_ > 0) {
    --fail_syncs_;
    ++faults_;
    step = absl::UnavailableError("a sync fails on purpose");
  }
  if (!step.ok()) {
    if (fail_from_ == 0 || operations_ < fail_from_) Flush(inode, false);
    return step;
  }
  Flush(inode, true);
  inode.synced_size = inode.bytes.size();
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<File>> FaultyFileSystem::Open(const std::string& path, Mode mode) {
  absl::MutexLock lock(&mutex_);
  AFLUENTE_RETURN_IF_ERROR(Step());
  auto found = names_.find(path);
  if (mode == Mode::kCreateNew || mode == Mode::kCreateSecret) {
    if (found != names_.end()) return absl::AlreadyExistsError(absl::StrCat("exists: ", path));
    if (!directories_.contains(ParentOf(path))) return NoSuch(ParentOf(path));
    found = names_.emplace(path, std::make_shared<Inode>()).first;
  }
  if (found == names_.end()) return NoSuch(path);
  return std::make_unique<OpenFile>(*this, found->second, mode != Mode::kRead, life_);
}

absl::Status FaultyFileSystem::Rename(const std::string& from, const std::string& to) {
  absl::MutexLock lock(&mutex_);
  AFLUENTE_RETURN_IF_ERROR(Step());
  const auto found = names_.find(from);
  if (found == names_.end()) return NoSuch(from);
  std::shared_ptr<Inode> inode = std::move(found->second);
  names_.erase(found);
  names_[to] = std::move(inode);
  return absl::OkStatus();
}

absl::Status FaultyFileSystem::Remove(const std::string& path) {
  absl::MutexLock lock(&mutex_);
  AFLUENTE_RETURN_IF_ERROR(Step());
  return names_.erase(path) > 0 ? absl::OkStatus() : NoSuch(path);
}

absl::StatusOr<std::vector<std::string>> FaultyFileSystem::List(
    const std::string& directory) const {
  absl::MutexLock lock(&mutex_);
  AFLUENTE_RETURN_IF_ERROR(Step());
  if (!directories_.contains(directory)) return NoSuch(directory);
  std::vector<std::string> found;
  const std::string start = directory + "/";
  const auto add = [&](const std::string& path) {
    if (path.starts_with(start) && path.find('/', start.size()) == std::string::npos &&
        path.size() > start.size())
      found.push_back(path.substr(start.size()));
  };
  for (const auto& [path, inode] : names_) add(path);
  for (const std::string& path : directories_) add(path);
  std::sort(found.begin(), found.end());
  return found;
}

absl::Status FaultyFileSystem::CreateDirectory(const std::string& path) {
  absl::MutexLock lock(&mutex_);
  AFLUENTE_RETURN_IF_ERROR(Step());
  for (std::string at = path; !at.empty(); at = ParentOf(at)) directories_.insert(at);
  return absl::OkStatus();
}

absl::Status FaultyFileSystem::SyncDirectory(const std::string& directory) {
  absl::MutexLock lock(&mutex_);
  AFLUENTE_RETURN_IF_ERROR(Step());
  std::erase_if(durable_names_,
                [&](const auto& entry) { return ParentOf(entry.first) == directory; });
  for (const auto& [path, inode] : names_) {
    if (ParentOf(path) == directory) durable_names_[path] = inode;
  }
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> FaultyFileSystem::FreeBytes(const std::string&) const {
  absl::MutexLock lock(&mutex_);
  AFLUENTE_RETURN_IF_ERROR(Step());
  return Free();
}

}  // namespace afluente::host
