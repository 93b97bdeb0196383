#include "roles/backup.h"

#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "broker/broker.h"
#include "host/check.h"
#include "host/digest.h"
#include "host/file_copy.h"
#include "roles/pipeline.h"
#include "warehouse/duckdb/duckdb_database.h"
#include "warehouse/duckdb/held_files.h"

namespace afluente::roles {
namespace {

using nlohmann::json;

// docs/formats/backup.md.
constexpr int kFormat = 1;
constexpr char kManifest[] = "manifest.json";
constexpr const char* kFolders[] = {"journal", "warehouse"};
constexpr uint64_t kManifestBytesMax = 64 << 20;
// Left free beside the backup: it may lie on the disk that the pipeline writes to.
constexpr uint64_t kSpareBytes = 256 << 20;

// One line of the manifest.
struct Entry {
  std::string name;  // folder/file
  uint64_t bytes = 0;
  uint64_t size = 0;
  std::string sha256;
};

std::string Within(const std::string& directory, const std::string& name) {
  return absl::StrCat(directory, "/", name);
}

json ToJson(const std::vector<Entry>& entries) {
  json listed = json::array();
  for (const Entry& entry : entries) {
    listed.push_back({{"name", entry.name},
                      {"bytes", entry.bytes},
                      {"size", entry.size},
                      {"sha256", entry.sha256}});
  }
  return listed;
}

std::string ChecksumOf(const json& files) {
  return absl::BytesToHexString(host::Sha256(files.dump()));
}

// A file in one of the two folders and nothing else: a manifest must not lead out of them.
bool IsPlainName(const std::string& name) {
  for (const std::string folder : kFolders) {
    if (name.rfind(folder + "/", 0) != 0) continue;
    const std::string file = name.substr(folder.size() + 1);
    return !file.empty() && file[0] != '.' && file.find('/') == std::string::npos &&
           file.find('\0') == std::string::npos;
  }
  return false;
}

// Of an empty directory, made where it is missing, with its folders.
absl::Status MakeDirectories(host::FileSystem& files, const std::string& directory) {
  AFLUENTE_RETURN_IF_ERROR(files.CreateDirectory(directory));
  AFLUENTE_ASSIGN_OR_RETURN(const std::vector<std::string> names, files.List(directory));
  if (!names.empty())
    return absl::AlreadyExistsError(absl::StrCat(directory, ": not empty, it has ", names[0]));
  for (const char* folder : kFolders)
    AFLUENTE_RETURN_IF_ERROR(files.CreateDirectory(Within(directory, folder)));
  return absl::OkStatus();
}

absl::Status SyncDirectories(host::FileSystem& files, const std::string& directory) {
  for (const char* folder : kFolders)
    AFLUENTE_RETURN_IF_ERROR(files.SyncDirectory(Within(directory, folder)));
  return files.SyncDirectory(directory);
}

void RemoveAll(const std::string& directory) {
  std::error_code ignored;
  std::filesystem::remove_all(directory, ignored);
}

absl::Status WriteManifest(host::FileSystem& files, const std::string& directory,
                           const std::string& spec_file, const std::vector<Entry>& entries) {
  const json listed = ToJson(entries);
  const json manifest = {{"format", kFormat},
                         {"spec_file", spec_file},
                         {"files", listed},
                         {"files_sha256", ChecksumOf(listed)}};
  const std::string part = Within(directory, "manifest.part");
  AFLUENTE_ASSIGN_OR_RETURN(const std::unique_ptr<host::File> file,
                            files.Open(part, host::FileSystem::Mode::kCreateNew));
  AFLUENTE_RETURN_IF_ERROR(file->WriteAt(0, manifest.dump(1) + "\n"));
  AFLUENTE_RETURN_IF_ERROR(file->Sync());
  AFLUENTE_RETURN_IF_ERROR(files.Rename(part, Within(directory, kManifest)));
  return files.SyncDirectory(directory);
}

struct Manifest {
  std::string spec_file;
  std::vector<Entry> entries;
};

absl::StatusOr<Manifest> ParseManifest(const std::string& path, const std::string& text) {
  const json parsed = json::parse(text, nullptr, /*allow_exceptions=*/false);
  const auto damaged = [&] { return absl::DataLossError(path + ": the manifest is damaged"); };
  if (!parsed.is_object() || !parsed.contains("files") || !parsed["files"].is_array())
    return damaged();
  if (const json& format = parsed.value("format", json()); format != kFormat) {
    return absl::FailedPreconditionError(absl::StrCat(path, ": a backup of format ", format.dump(),
                                                      ", this program reads ", kFormat));
  }
  const json& files = parsed["files"];
  if (parsed.value("files_sha256", json()) != ChecksumOf(files)) return damaged();
  Manifest manifest;
  if (const json spec = parsed.value("spec_file", json()); spec.is_string())
    manifest.spec_file = spec.get<std::string>();
  for (const json& file : files) {
    Entry entry;
    // Verified: what is here has the types that ToJson writes, unless somebody made it by hand.
    if (!file.is_object() || !file.value("name", json()).is_string() ||
        !file.value("bytes", json()).is_number_unsigned() ||
        !file.value("size", json()).is_number_unsigned() ||
        !file.value("sha256", json()).is_string())
      return damaged();
    entry.name = file["name"].get<std::string>();
    entry.bytes = file["bytes"].get<uint64_t>();
    entry.size = file["size"].get<uint64_t>();
    entry.sha256 = file["sha256"].get<std::string>();
    if (!IsPlainName(entry.name) || entry.size < entry.bytes) return damaged();
    manifest.entries.push_back(std::move(entry));
  }
  return manifest;
}

absl::StatusOr<Manifest> ReadManifest(host::FileSystem& files, const std::string& directory) {
  const std::string path = Within(directory, kManifest);
  auto file = files.Open(path, host::FileSystem::Mode::kRead);
  if (absl::IsNotFound(file.status())) {
    return absl::NotFoundError(
        absl::StrCat(directory, ": no ", kManifest, ": no backup, or one that was not finished"));
  }
  AFLUENTE_RETURN_IF_ERROR(file.status());
  AFLUENTE_ASSIGN_OR_RETURN(const uint64_t size, (*file)->Size());
  if (size > kManifestBytesMax) return absl::DataLossError(path + ": the manifest is damaged");
  AFLUENTE_ASSIGN_OR_RETURN(const std::string text, (*file)->ReadAt(0, size));
  return ParseManifest(path, text);
}

// Every file that the manifest lists and no other, of the listed size: found before anything is
// copied.
absl::StatusOr<std::vector<host::FilePart>> OpenBackup(host::FileSystem& files,
                                                       const std::string& directory,
                                                       const Manifest& manifest) {
  std::vector<host::FilePart> parts;
  std::set<std::string> listed;
  for (const Entry& entry : manifest.entries) {
    const std::string path = Within(directory, entry.name);
    auto file = files.Open(path, host::FileSystem::Mode::kRead);
    if (absl::IsNotFound(file.status()))
      return absl::DataLossError(absl::StrCat(path, ": missing, the manifest lists it"));
    AFLUENTE_RETURN_IF_ERROR(file.status());
    AFLUENTE_ASSIGN_OR_RETURN(const uint64_t bytes, (*file)->Size());
    if (bytes != entry.bytes) {
      return absl::DataLossError(
          absl::StrCat(path, ": ", bytes, " bytes, the manifest lists ", entry.bytes));
    }
    parts.push_back({entry.name, *std::move(file), entry.bytes, entry.size});
    listed.insert(entry.name);
  }
  for (const char* folder : kFolders) {
    AFLUENTE_ASSIGN_OR_RETURN(const auto names, files.List(Within(directory, folder)));
    for (const std::string& name : names) {
      if (listed.count(Within(folder, name)) == 0)
        return absl::DataLossError(
            absl::StrCat(Within(Within(directory, folder), name), ": not in the manifest"));
    }
  }
  return parts;
}

absl::Status CheckRoom(host::FileSystem& files, const std::string& directory, uint64_t needed) {
  AFLUENTE_ASSIGN_OR_RETURN(const uint64_t free, files.FreeBytes(directory));
  if (free >= needed + kSpareBytes) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat(directory, ": ", free, " bytes are free, ",
                                                   needed, " and a reserve of ", kSpareBytes,
                                                   " are needed"));
}

BackupSummary Summary(const std::string& spec_file, const std::vector<Entry>& entries) {
  BackupSummary summary;
  summary.spec_file = spec_file;
  summary.files = entries.size();
  for (const Entry& entry : entries) summary.bytes += entry.bytes;
  return summary;
}

// The parts of both engines as of one moment, under their folders' names.
class Moment {
 public:
  absl::Status Take(Pipeline& pipeline) {
    // Functions and deliveries see what is in the journal, and acknowledge what is in the
    // warehouse: with no commit under way, neither is ahead of the other.
    AFLUENTE_ASSIGN_OR_RETURN(held_, pipeline.database().HoldFiles([&]() -> absl::Status {
      AFLUENTE_ASSIGN_OR_RETURN(parts_, pipeline.broker().OpenJournalFiles());
      return absl::OkStatus();
    }));
    for (host::FilePart& part : parts_) part.name = Within("journal", part.name);
    for (host::FilePart part : held_->parts()) {
      part.name = Within("warehouse", part.name);
      // First: the sooner it is copied, the sooner checkpoints may run again.
      parts_.insert(parts_.begin(), std::move(part));
    }
    return absl::OkStatus();
  }
  const std::vector<host::FilePart>& parts() const { return parts_; }

 private:
  std::unique_ptr<warehouse::duckdb::HeldFiles> held_;
  std::vector<host::FilePart> parts_;
};

absl::StatusOr<BackupSummary> FillBackup(Pipeline& pipeline, host::FileSystem& files,
                                         const std::string& directory, const std::string& spec_file,
                                         const host::Cancellation* cancellation) {
  Moment moment;
  AFLUENTE_RETURN_IF_ERROR(moment.Take(pipeline));
  uint64_t needed = 0;
  for (const host::FilePart& part : moment.parts()) needed += part.bytes;
  AFLUENTE_RETURN_IF_ERROR(CheckRoom(files, directory, needed));
  std::vector<Entry> entries;
  for (host::FilePart part : moment.parts()) {
    const uint64_t size = std::exchange(part.size, part.bytes);  // the zeros need no copy
    AFLUENTE_ASSIGN_OR_RETURN(std::string sha256,
                              CopyPart(part, files, Within(directory, part.name), cancellation));
    entries.push_back({part.name, part.bytes, size, std::move(sha256)});
  }
  AFLUENTE_RETURN_IF_ERROR(SyncDirectories(files, directory));
  AFLUENTE_RETURN_IF_ERROR(WriteManifest(files, directory, spec_file, entries));
  return Summary(spec_file, entries);
}

absl::Status FillDataDirectory(host::FileSystem& files, const std::string& data_dir,
                               const Manifest& manifest, const std::vector<host::FilePart>& parts) {
  for (size_t i = 0; i < parts.size(); ++i) {
    AFLUENTE_ASSIGN_OR_RETURN(
        const std::string sha256,
        CopyPart(parts[i], files, Within(data_dir, parts[i].name), /*cancellation=*/nullptr));
    if (sha256 == manifest.entries[i].sha256) continue;
    return absl::DataLossError(absl::StrCat(parts[i].name, ": damaged, its SHA-256 is ", sha256,
                                            ", the manifest lists ", manifest.entries[i].sha256));
  }
  return SyncDirectories(files, data_dir);
}

}  // namespace

absl::StatusOr<BackupSummary> TakeBackup(Pipeline& pipeline, const std::string& directory,
                                         const std::string& spec_file,
                                         const host::Cancellation* cancellation) {
  host::PosixFileSystem files;
  AFLUENTE_RETURN_IF_ERROR(MakeDirectories(files, directory));
  auto summary = FillBackup(pipeline, files, directory, spec_file, cancellation);
  if (!summary.ok()) RemoveAll(directory);
  return summary;
}

absl::StatusOr<BackupSummary> RestoreBackup(const std::string& directory,
                                            const std::string& data_dir) {
  host::PosixFileSystem files;
  AFLUENTE_ASSIGN_OR_RETURN(const Manifest manifest, ReadManifest(files, directory));
  AFLUENTE_ASSIGN_OR_RETURN(const auto parts, OpenBackup(files, directory, manifest));
  const BackupSummary summary = Summary(manifest.spec_file, manifest.entries);
  AFLUENTE_RETURN_IF_ERROR(MakeDirectories(files, data_dir));
  absl::Status status = CheckRoom(files, data_dir, summary.bytes);
  if (status.ok()) status = FillDataDirectory(files, data_dir, manifest, parts);
  if (!status.ok()) {
    RemoveAll(data_dir);
    return status;
  }
  return summary;
}

}  // namespace afluente::roles
