#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "host/file_system.h"

namespace afluente::host {

// The key of `size` bytes kept in the file `path`, made from the kernel's random bytes when there
// is none. Whole or absent after a crash. DATA_LOSS when the file has another size.
absl::StatusOr<std::string> LoadOrCreateSecret(FileSystem& files, const std::string& path,
                                               size_t size);

}  // namespace afluente::host
