#include "absl/synchronization/mutex.h"
#include "cli/command_line.h"

int main(int argc, char** argv) {
  // Debian's abseil looks for deadlocks at every lock; the tests do, the program need not.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  return afluente::cli::RunCommandLine(argc, argv);
}
