#include "broker/push/push_window.h"

#include <algorithm>

namespace afluente::broker::push {

void PushWindow::Succeeded() {
  size_ = std::min(size_ + 1, kMax);
  pause_ /= 2;
  if (pause_ < kPauseMin) pause_ = std::chrono::milliseconds(0);
}

void PushWindow::Failed(host::MonotonicTime began, host::MonotonicTime now) {
  if (began <= pause_began_) return;
  size_ = std::max(size_ / 2, 1.0);
  pause_ = std::clamp(2 * pause_, kPauseMin, kPauseMax);
  pause_began_ = now;
  paused_until_ = now + pause_;
}

}  // namespace afluente::broker::push
