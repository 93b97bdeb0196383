#include "http/body_stream.h"

#include <utility>

namespace afluente::http {

bool BodyStream::Write(std::string_view bytes) {
  {
    absl::MutexLock lock(&mutex_);
    if (gone_ || state_ != State::kOpen) return false;
    if (waiting_.size() + bytes.size() > waiting_bytes_max_) return false;
    waiting_ += bytes;
  }
  Wake();
  return true;
}

void BodyStream::End() { Finish(State::kEnded); }
void BodyStream::Abort() { Finish(State::kAborted); }

void BodyStream::Finish(State state) {
  {
    absl::MutexLock lock(&mutex_);
    if (state_ == State::kOpen) state_ = state;
  }
  Wake();
}

void BodyStream::OnGone(absl::AnyInvocable<void()> act) {
  {
    absl::MutexLock lock(&mutex_);
    if (!gone_) {
      on_gone_ = std::move(act);
      return;
    }
  }
  act();
}

void BodyStream::Attach(std::function<void()> wake) {
  absl::MutexLock lock(&mutex_);
  wake_ = std::move(wake);
}

BodyStream::State BodyStream::Take(std::string& bytes) {
  absl::MutexLock lock(&mutex_);
  bytes = std::exchange(waiting_, std::string());
  return state_;
}

void BodyStream::PeerGone() {
  absl::AnyInvocable<void()> act;
  {
    absl::MutexLock lock(&mutex_);
    gone_ = true;
    waiting_.clear();
    wake_ = nullptr;
    act = std::exchange(on_gone_, nullptr);
  }
  if (act != nullptr) act();
}

void BodyStream::Wake() {
  std::function<void()> wake;
  {
    absl::MutexLock lock(&mutex_);
    wake = wake_;
  }
  if (wake != nullptr) wake();
}

}  // namespace afluente::http
