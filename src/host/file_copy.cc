#include "host/file_copy.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "host/cancellation.h"
#include "host/check.h"
#include "host/digest.h"

namespace afluente::host {
namespace {

constexpr uint64_t kPieceBytes = 1 << 20;

}  // namespace

absl::StatusOr<std::string> CopyPart(const FilePart& part, FileSystem& files, const std::string& to,
                                     const Cancellation* cancellation) {
  AFLUENTE_ASSIGN_OR_RETURN(const std::unique_ptr<File> copy,
                            files.Open(to, FileSystem::Mode::kCreateNew));
  Sha256Stream digest;
  for (uint64_t at = 0; at < part.bytes;) {
    if (cancellation != nullptr && cancellation->cancelled())
      return absl::CancelledError(absl::StrCat(part.name, ": copying was given up"));
    const size_t wanted = std::min(kPieceBytes, part.bytes - at);
    AFLUENTE_ASSIGN_OR_RETURN(const std::string piece, part.file->ReadAt(at, wanted));
    if (piece.size() < wanted) {
      return absl::DataLossError(absl::StrCat(part.name, ": ends after ", at + piece.size(),
                                              " bytes instead of ", part.bytes));
    }
    digest.Add(piece);
    AFLUENTE_RETURN_IF_ERROR(copy->WriteAt(at, piece));
    at += piece.size();
  }
  if (part.size > part.bytes) AFLUENTE_RETURN_IF_ERROR(copy->Truncate(part.size));
  AFLUENTE_RETURN_IF_ERROR(copy->Sync());
  return absl::BytesToHexString(digest.Finish());
}

}  // namespace afluente::host
