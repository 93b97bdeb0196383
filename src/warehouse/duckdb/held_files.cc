#include "warehouse/duckdb/held_files.h"

#include <utility>

#include "host/check.h"
#include "warehouse/duckdb/committer.h"

namespace afluente::warehouse::duckdb {
namespace {

std::string NameOf(const std::string& path) { return path.substr(path.rfind('/') + 1); }

absl::StatusOr<host::FilePart> Part(const std::string& path,
                                    std::shared_ptr<const host::File> file) {
  AFLUENTE_ASSIGN_OR_RETURN(const uint64_t bytes, file->Size());
  return host::FilePart{NameOf(path), std::move(file), bytes, bytes};
}

}  // namespace

absl::StatusOr<std::unique_ptr<HeldFiles>> HeldFiles::Take(
    Committer& committer, std::shared_ptr<const host::File> file, const std::string& path,
    absl::FunctionRef<absl::Status()> meanwhile) {
  std::vector<host::FilePart> parts;
  AFLUENTE_RETURN_IF_ERROR(committer.HoldCheckpoints([&]() -> absl::Status {
    AFLUENTE_ASSIGN_OR_RETURN(host::FilePart database, Part(path, std::move(file)));
    parts.push_back(std::move(database));
    host::PosixFileSystem files;
    // Right after a checkpoint there is no log.
    auto log = files.Open(path + ".wal", host::FileSystem::Mode::kRead);
    if (log.ok()) {
      AFLUENTE_ASSIGN_OR_RETURN(host::FilePart part, Part(path + ".wal", *std::move(log)));
      parts.push_back(std::move(part));
    } else if (!absl::IsNotFound(log.status())) {
      return log.status();
    }
    return meanwhile();
  }));
  std::unique_ptr<HeldFiles> held(new HeldFiles(committer));
  held->parts_ = std::move(parts);
  return held;
}

HeldFiles::~HeldFiles() { committer_.ReleaseCheckpoints(); }

}  // namespace afluente::warehouse::duckdb
