#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace afluente::host {
class Cancellation;
}

namespace afluente::roles {

class Pipeline;

// What a backup holds, as its manifest lists it.
struct BackupSummary {
  std::string spec_file;  // of the instance it was taken from; may be empty
  size_t files = 0;
  uint64_t bytes = 0;
};

// Copies journal and warehouse of a pipeline, which goes on meanwhile, into `directory`, which is
// made (an empty one is taken): both as of one moment between two commits, so what a kill at that
// moment would have left. The manifest comes last: without it, or with a file that differs from
// it, a backup is refused. Format: docs/formats/backup.md. Blocks; no checkpoint runs meanwhile.
// ALREADY_EXISTS when something is in the directory, RESOURCE_EXHAUSTED when it has no room,
// CANCELLED; what was written is removed then. `cancellation` may be nullptr.
absl::StatusOr<BackupSummary> TakeBackup(Pipeline& pipeline, const std::string& directory,
                                         const std::string& spec_file,
                                         const host::Cancellation* cancellation);

// Makes `data_dir`, which must not be there, of a backup, each file verified. DATA_LOSS naming the
// file that is missing, damaged or too much, NOT_FOUND when there is no finished backup.
absl::StatusOr<BackupSummary> RestoreBackup(const std::string& directory,
                                            const std::string& data_dir);

}  // namespace afluente::roles
