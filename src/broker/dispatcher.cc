#include "broker/dispatcher.h"

#include <algorithm>

#include "absl/time/time.h"

namespace afluente::broker {

void Dispatcher::Start() {
  thread_ = std::thread([this] { Loop(); });
}

void Dispatcher::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    changed_.Signal();
  }
  if (thread_.joinable()) thread_.join();
}

void Dispatcher::Post(std::shared_ptr<Turn> turn) {
  if (turn->posted_.exchange(true)) return;
  absl::MutexLock lock(&mutex_);
  posted_.push_back(std::move(turn));
  changed_.Signal();
}

void Dispatcher::Arm(const std::shared_ptr<Turn>& turn, host::MonotonicTime at) {
  absl::MutexLock lock(&mutex_);
  bool first = timers_.empty() || at < timers_.top().first;
  timers_.emplace(at, turn);
  if (first) changed_.Signal();
}

void Dispatcher::Wake() {
  absl::MutexLock lock(&mutex_);
  changed_.Signal();
}

std::shared_ptr<Turn> Dispatcher::Next(host::MonotonicTime now, host::MonotonicTime& wake_at) {
  absl::MutexLock lock(&mutex_);
  while (!timers_.empty() && timers_.top().first <= now) {
    std::shared_ptr<Turn> turn = timers_.top().second.lock();
    timers_.pop();
    if (turn) return turn;
  }
  wake_at = timers_.empty() ? host::MonotonicTime::max() : timers_.top().first;
  if (posted_.empty() || stopping_) return nullptr;
  std::shared_ptr<Turn> turn = std::move(posted_.front());
  posted_.pop_front();
  // Cleared first: a post during the turn asks for another one.
  turn->posted_.store(false);
  return turn;
}

void Dispatcher::RunDue() {
  host::MonotonicTime wake_at;
  while (true) {
    host::MonotonicTime now = clock_.Monotonic();
    std::shared_ptr<Turn> turn = Next(now, wake_at);
    if (!turn) return;
    host::MonotonicTime next = turn->Take(now);
    if (next != host::MonotonicTime::max()) Arm(turn, next);
  }
}

void Dispatcher::Loop() {
  while (true) {
    RunDue();
    absl::MutexLock lock(&mutex_);
    if (stopping_) return;
    if (!posted_.empty()) continue;
    if (timers_.empty()) {
      changed_.Wait(&mutex_);
      continue;
    }
    auto wait = std::max(timers_.top().first - clock_.Monotonic(), std::chrono::nanoseconds(0));
    changed_.WaitWithTimeout(&mutex_, absl::FromChrono(wait));
  }
}

}  // namespace afluente::broker
