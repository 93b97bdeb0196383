#include "host/secret_file.h"

#include "absl/strings/str_cat.h"
#include "host/check.h"
#include "host/random.h"

namespace afluente::host {
namespace {

absl::Status Write(FileSystem& files, const std::string& path, const std::string& secret) {
  const std::string part = path + ".part";
  files.Remove(part).IgnoreError();  // of a start that was cut off
  {
    AFLUENTE_ASSIGN_OR_RETURN(auto file, files.Open(part, FileSystem::Mode::kCreateSecret));
    AFLUENTE_RETURN_IF_ERROR(file->WriteAt(0, secret));
    AFLUENTE_RETURN_IF_ERROR(file->Sync());
  }
  AFLUENTE_RETURN_IF_ERROR(files.Rename(part, path));
  return files.SyncDirectory(path.substr(0, path.rfind('/')));
}

}  // namespace

absl::StatusOr<std::string> LoadOrCreateSecret(FileSystem& files, const std::string& path,
                                               size_t size) {
  auto file = files.Open(path, FileSystem::Mode::kRead);
  if (absl::IsNotFound(file.status())) {
    std::string secret = RandomBytes(size);
    AFLUENTE_RETURN_IF_ERROR(Write(files, path, secret));
    return secret;
  }
  if (!file.ok()) return file.status();
  AFLUENTE_ASSIGN_OR_RETURN(std::string secret, (*file)->ReadAt(0, size + 1));
  if (secret.size() == size) return secret;
  return absl::DataLossError(absl::StrCat(path, ": expected a key of ", size, " bytes"));
}

}  // namespace afluente::host
