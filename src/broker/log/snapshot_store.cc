#include "broker/log/snapshot_store.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "broker/log/crc32c.h"
#include "host/check.h"

namespace afluente::broker::log {
namespace {

constexpr int kKept = 2;

absl::Status Damaged(const std::string& path, const std::string& what) {
  return absl::DataLossError(absl::StrCat("snapshot ", path, " is damaged: ", what));
}

}  // namespace

absl::StatusOr<std::unique_ptr<SnapshotStore>> SnapshotStore::Open(host::FileSystem& files,
                                                                   const std::string& directory,
                                                                   Trouble trouble) {
  std::unique_ptr<SnapshotStore> store(new SnapshotStore(files, directory, std::move(trouble)));
  AFLUENTE_ASSIGN_OR_RETURN(const std::vector<std::string> names, files.List(directory));
  absl::MutexLock lock(&store->mutex_);
  for (const std::string& name : names) {
    if (name.ends_with(kTemporarySuffix)) {
      AFLUENTE_RETURN_IF_ERROR(files.Remove(absl::StrCat(directory, "/", name)));
      continue;
    }
    const std::optional<uint64_t> number = NumberOf(name, kSnapshotSuffix);
    if (!number.has_value()) continue;
    AFLUENTE_ASSIGN_OR_RETURN(store->entries_[*number], store->Load(*number));
  }
  return store;
}

absl::StatusOr<SnapshotStore::Entry> SnapshotStore::Load(uint64_t number) const {
  AFLUENTE_ASSIGN_OR_RETURN(
      const std::unique_ptr<host::File> file,
      files_.Open(SnapshotPath(directory_, number), host::FileSystem::Mode::kRead));
  Entry entry;
  AFLUENTE_ASSIGN_OR_RETURN(entry.bytes, file->Size());
  AFLUENTE_ASSIGN_OR_RETURN(const std::string bytes, file->ReadAt(0, kSnapshotHeaderBytes));
  const std::optional<SnapshotHeader> header = DecodeSnapshotHeader(bytes);
  if (header.has_value() && header->state_bytes == entry.bytes - kSnapshotHeaderBytes)
    entry.covered = header->covered;
  return entry;
}

absl::StatusOr<Snapshot> SnapshotStore::Read(uint64_t number, const std::string& identity) const {
  const std::string path = SnapshotPath(directory_, number);
  AFLUENTE_ASSIGN_OR_RETURN(const std::unique_ptr<host::File> file,
                            files_.Open(path, host::FileSystem::Mode::kRead));
  AFLUENTE_ASSIGN_OR_RETURN(const uint64_t size, file->Size());
  AFLUENTE_ASSIGN_OR_RETURN(const std::string bytes, file->ReadAt(0, kSnapshotHeaderBytes));
  const std::optional<SnapshotHeader> header = DecodeSnapshotHeader(bytes);
  if (!header.has_value()) return Damaged(path, "its header does not verify");
  if (header->state_bytes != size - kSnapshotHeaderBytes) return Damaged(path, "its size is wrong");
  if (header->identity != identity) return Damaged(path, "it belongs to another journal");
  Snapshot snapshot;
  snapshot.covered = header->covered;
  AFLUENTE_ASSIGN_OR_RETURN(snapshot.state,
                            file->ReadAt(kSnapshotHeaderBytes, header->state_bytes));
  if (snapshot.state.size() != header->state_bytes ||
      Crc32c(snapshot.state) != header->state_checksum)
    return Damaged(path, "its content does not verify");
  return snapshot;
}

absl::StatusOr<std::optional<Snapshot>> SnapshotStore::Newest(const std::string& identity) {
  std::vector<absl::Status> damages;
  std::optional<Snapshot> newest;
  {
    absl::MutexLock lock(&mutex_);
    for (auto entry = entries_.rbegin(); entry != entries_.rend() && !newest; ++entry) {
      absl::StatusOr<Snapshot> read = Read(entry->first, identity);
      if (read.ok()) {
        newest = *std::move(read);
      } else if (absl::IsDataLoss(read.status())) {
        entry->second.covered.reset();
        damages.push_back(read.status());
      } else {
        return read.status();
      }
    }
  }
  for (const absl::Status& damage : damages) {
    if (trouble_) trouble_(damage);
  }
  return newest;
}

absl::Status SnapshotStore::WriteFile(const std::string& path, const std::string& header,
                                      std::string_view state) {
  const std::string temporary = absl::StrCat(path, std::string(kTemporarySuffix));
  if (absl::Status removed = files_.Remove(temporary); !removed.ok() && !absl::IsNotFound(removed))
    return removed;
  AFLUENTE_ASSIGN_OR_RETURN(const std::unique_ptr<host::File> file,
                            files_.Open(temporary, host::FileSystem::Mode::kCreateNew));
  absl::Status written = file->WriteAt(0, header);
  if (written.ok()) written = file->WriteAt(header.size(), state);
  if (written.ok()) written = file->Sync();
  if (written.ok()) written = files_.Rename(temporary, path);
  // A half-written file must not hold on to a full disk; Open removes what stays after a crash.
  if (!written.ok()) files_.Remove(temporary).IgnoreError();
  return written;
}

absl::Status SnapshotStore::Write(const std::string& identity, const Place& covered,
                                  std::string_view state) {
  std::string header;
  AppendHeader(SnapshotHeader{identity, covered, state.size(), Crc32c(state)}, header);
  absl::MutexLock lock(&mutex_);
  const uint64_t number = entries_.empty() ? 1 : entries_.rbegin()->first + 1;
  AFLUENTE_RETURN_IF_ERROR(WriteFile(SnapshotPath(directory_, number), header, state));
  AFLUENTE_RETURN_IF_ERROR(files_.SyncDirectory(directory_));
  entries_[number] = Entry{covered, header.size() + state.size()};
  return RemoveOld();
}

absl::Status SnapshotStore::RemoveOld() {
  int good = 0;
  uint64_t oldest_kept = 0;
  for (auto entry = entries_.rbegin(); entry != entries_.rend() && good < kKept; ++entry) {
    if (entry->second.covered.has_value()) ++good;
    oldest_kept = entry->first;
  }
  if (good < kKept) return absl::OkStatus();
  while (entries_.begin()->first < oldest_kept) {
    AFLUENTE_RETURN_IF_ERROR(files_.Remove(SnapshotPath(directory_, entries_.begin()->first)));
    entries_.erase(entries_.begin());
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<host::FilePart>> SnapshotStore::OpenFiles() const {
  absl::MutexLock lock(&mutex_);
  std::vector<host::FilePart> parts;
  for (const auto& [number, entry] : entries_) {
    if (!entry.covered.has_value()) continue;
    const std::string path = SnapshotPath(directory_, number);
    AFLUENTE_ASSIGN_OR_RETURN(std::shared_ptr<const host::File> file,
                              files_.Open(path, host::FileSystem::Mode::kRead));
    parts.push_back(
        {path.substr(directory_.size() + 1), std::move(file), entry.bytes, entry.bytes});
  }
  return parts;
}

uint64_t SnapshotStore::FirstSegmentNeeded() const {
  absl::MutexLock lock(&mutex_);
  int good = 0;
  for (auto entry = entries_.rbegin(); entry != entries_.rend(); ++entry) {
    if (entry->second.covered.has_value() && ++good == kKept) return entry->second.covered->segment;
  }
  return 0;
}

bool SnapshotStore::any_file() const {
  absl::MutexLock lock(&mutex_);
  return !entries_.empty();
}

uint64_t SnapshotStore::bytes() const {
  absl::MutexLock lock(&mutex_);
  uint64_t sum = 0;
  for (const auto& [number, entry] : entries_) sum += entry.bytes;
  return sum;
}

}  // namespace afluente::broker::log
