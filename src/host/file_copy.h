#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "host/file_system.h"

namespace afluente::host {

class Cancellation;

// What a copy takes of an open file that others may go on writing behind it.
struct FilePart {
  std::string name;  // under the copy's directory
  // Shared with whoever reads it meanwhile; it stays readable when its name is removed.
  std::shared_ptr<const File> file;
  uint64_t bytes = 0;  // from the start; no longer written
  uint64_t size = 0;   // of the file; zeros behind `bytes`
};

// Writes the part's bytes to the new file `to` of `files`, zeros up to `size` where that is more,
// and syncs it. Returns the bytes' SHA-256 in hexadecimal. Blocks. CANCELLED when `cancellation`
// (may be nullptr) says so, DATA_LOSS when the file has become shorter, ALREADY_EXISTS; what was
// written so far stays.
absl::StatusOr<std::string> CopyPart(const FilePart& part, FileSystem& files, const std::string& to,
                                     const Cancellation* cancellation);

}  // namespace afluente::host
