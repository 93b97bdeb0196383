#pragma once

#include <memory>

#include "absl/functional/any_invocable.h"

namespace afluente::host {

// Turns the first SIGTERM or SIGINT into a call, for an orderly end; a second one ends the process
// at once (exit code 128 + signal), whatever its threads do. One at a time a process, owned by
// main's role.
class ShutdownSignal {
 public:
  // `on_signal` runs at most once, on a thread of its own, with the signal's number.
  explicit ShutdownSignal(absl::AnyInvocable<void(int)> on_signal = [](int) {});
  ~ShutdownSignal();  // gives the signals their earlier meaning back

  // Blocks until `on_signal` has run for the first signal, and returns its number.
  int Wait();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace afluente::host
