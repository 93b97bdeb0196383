#include "host/worker_pool.h"

#include <deque>
#include <thread>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"

namespace afluente::host {

struct WorkerPool::State {
  explicit State(size_t max) : queue_max(max) {}

  void Run() {
    while (true) {
      absl::AnyInvocable<void()> work;
      {
        absl::MutexLock lock(&mutex);
        while (queue.empty() && !stopping) ready.Wait(&mutex);
        if (queue.empty()) return;
        work = std::move(queue.front());
        queue.pop_front();
      }
      work();
    }
  }

  const size_t queue_max;
  absl::Mutex mutex;
  absl::CondVar ready;
  std::deque<absl::AnyInvocable<void()>> queue ABSL_GUARDED_BY(mutex);
  bool stopping ABSL_GUARDED_BY(mutex) = false;
  std::vector<std::thread> threads;  // the pool's owner alone touches them
};

WorkerPool::WorkerPool(int threads, size_t queue_max) : state_(std::make_unique<State>(queue_max)) {
  for (int i = 0; i < threads; ++i)
    state_->threads.emplace_back([state = state_.get()] { state->Run(); });
}

WorkerPool::~WorkerPool() {
  {
    absl::MutexLock lock(&state_->mutex);
    state_->stopping = true;
  }
  state_->ready.SignalAll();
  for (std::thread& thread : state_->threads) thread.join();
}

bool WorkerPool::Submit(absl::AnyInvocable<void()> work) {
  {
    absl::MutexLock lock(&state_->mutex);
    if (state_->queue.size() >= state_->queue_max) return false;
    state_->queue.push_back(std::move(work));
  }
  state_->ready.Signal();
  return true;
}

}  // namespace afluente::host
