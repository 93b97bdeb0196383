#pragma once

#include <string_view>

#include "absl/status/status.h"

namespace afluente::host {

// The status of a failed system call: NOT_FOUND, ALREADY_EXISTS, RESOURCE_EXHAUSTED (disk or
// descriptors), PERMISSION_DENIED, else UNAVAILABLE. Names the operation and the path.
absl::Status PosixError(int error_number, std::string_view operation, std::string_view path);

}  // namespace afluente::host
