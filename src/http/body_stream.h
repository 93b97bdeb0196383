#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"

namespace afluente::http {

// A body that is sent while it is being made, in chunks. Shared by its writer and the connection,
// passed by shared_ptr because either may be gone first. Thread-safe; callbacks run outside its
// lock.
class BodyStream {
 public:
  // At most `waiting_bytes_max` bytes wait for the peer.
  explicit BodyStream(size_t waiting_bytes_max = 1 << 20) : waiting_bytes_max_(waiting_bytes_max) {}

  // The writer's side. False, and nothing is taken, when the peer is gone or too far behind.
  bool Write(std::string_view bytes);
  // The body is whole.
  void End();
  // It never will be: the connection is closed without the body's proper end.
  void Abort();
  // Runs `act` once when the peer is gone, now if it is. It must not block.
  void OnGone(absl::AnyInvocable<void()> act);

  // The connection's side. `wake` is called whenever there is something to take.
  void Attach(std::function<void()> wake);
  enum class State { kOpen, kEnded, kAborted };
  // Takes what waits.
  State Take(std::string& bytes);
  void PeerGone();

 private:
  void Wake();
  void Finish(State state);

  const size_t waiting_bytes_max_;
  absl::Mutex mutex_;
  std::string waiting_ ABSL_GUARDED_BY(mutex_);
  State state_ ABSL_GUARDED_BY(mutex_) = State::kOpen;
  bool gone_ ABSL_GUARDED_BY(mutex_) = false;
  std::function<void()> wake_ ABSL_GUARDED_BY(mutex_);
  absl::AnyInvocable<void()> on_gone_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace afluente::http
