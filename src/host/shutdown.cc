#include "host/shutdown.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <thread>
#include <utility>

#include "absl/synchronization/notification.h"
#include "host/check.h"
#include "host/descriptor.h"

namespace afluente::host {
namespace {

constexpr int kSignals[] = {SIGTERM, SIGINT};
constexpr int kExitCodeBase = 128;

// A signal handler reaches nothing but globals.
std::atomic<int> write_end = -1;
std::atomic<int> signals_seen = 0;
static_assert(std::atomic<int>::is_always_lock_free);

void OnSignal(int number) {
  const int error = errno;
  if (signals_seen.fetch_add(1) > 0) _exit(kExitCodeBase + number);
  const char byte = static_cast<char>(number);
  while (write(write_end, &byte, 1) < 0 && errno == EINTR) {
  }
  errno = error;
}

}  // namespace

struct ShutdownSignal::State {
  absl::AnyInvocable<void(int)> on_signal;
  Descriptor read_end;
  Descriptor own_write_end;
  struct sigaction before[2] = {};
  absl::Notification arrived;
  int number = 0;
  std::thread thread;

  void Run() {
    char byte = 0;
    const ssize_t size = Uninterrupted([&] { return read(read_end.get(), &byte, 1); });
    if (size <= 0 || byte == 0) return;
    number = byte;
    on_signal(number);
    arrived.Notify();
  }
};

ShutdownSignal::ShutdownSignal(absl::AnyInvocable<void(int)> on_signal)
    : state_(std::make_unique<State>()) {
  int ends[2] = {-1, -1};
  AFLUENTE_CHECK(pipe2(ends, O_CLOEXEC) == 0);
  state_->on_signal = std::move(on_signal);
  state_->read_end = Descriptor(ends[0]);
  state_->own_write_end = Descriptor(ends[1]);
  AFLUENTE_CHECK(write_end.exchange(ends[1]) == -1);
  signals_seen = 0;
  state_->thread = std::thread([state = state_.get()] { state->Run(); });
  struct sigaction action = {};
  action.sa_handler = OnSignal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  for (size_t i = 0; i < std::size(kSignals); ++i)
    AFLUENTE_CHECK(sigaction(kSignals[i], &action, &state_->before[i]) == 0);
}

ShutdownSignal::~ShutdownSignal() {
  for (size_t i = 0; i < std::size(kSignals); ++i)
    sigaction(kSignals[i], &state_->before[i], nullptr);
  const char end = 0;
  Uninterrupted([&] { return write(state_->own_write_end.get(), &end, 1); });
  state_->thread.join();
  write_end = -1;
}

int ShutdownSignal::Wait() {
  state_->arrived.WaitForNotification();
  return state_->number;
}

}  // namespace afluente::host
