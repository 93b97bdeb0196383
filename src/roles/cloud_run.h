#pragma once

#include <string>

#include "absl/status/status.h"

namespace afluente::roles {

// Where a role's main door listens: `flag` when it was given, else PORT's port; on every address
// with K_SERVICE set (Cloud Run's container contract), else on loopback at `default_port`.
std::string MainDoor(const std::string& flag, int default_port);

// With K_SERVICE set: lines as Cloud Logging reads them, traces of requests named with `project`.
void LogForCloudRun(const std::string& project);

// Prints "afluente: ..." and returns the exit code: 2 for wrong input, else 1.
int FailRole(const absl::Status& status);

}  // namespace afluente::roles
