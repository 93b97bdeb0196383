// Debian's abseil is built without ThreadSanitizer, which therefore takes every value that an
// absl::Mutex guards for a race. The tsan preset links these wrappers (ld's --wrap) around abseil's
// calls to tell it when a lock is taken and given. The names are those of Debian 12's abseil
// (inline namespace debian3).
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"

extern "C" {

void __tsan_acquire(void* address);
void __tsan_release(void* address);

// A call that ends with the lock held: what its last holder did has happened before.
#define AFLUENTE_ACQUIRES(symbol)      \
  void __real_##symbol(void* object);  \
  void __wrap_##symbol(void* object) { \
    __real_##symbol(object);           \
    __tsan_acquire(object);            \
  }

// A call that gives the lock (or the news) to whoever acquires next.
#define AFLUENTE_RELEASES(symbol)      \
  void __real_##symbol(void* object);  \
  void __wrap_##symbol(void* object) { \
    __tsan_release(object);            \
    __real_##symbol(object);           \
  }

AFLUENTE_ACQUIRES(_ZN4absl7debian35Mutex4LockEv)
AFLUENTE_RELEASES(_ZN4absl7debian35Mutex6UnlockEv)
AFLUENTE_ACQUIRES(_ZN4absl7debian35Mutex10ReaderLockEv)
AFLUENTE_RELEASES(_ZN4absl7debian35Mutex12ReaderUnlockEv)
AFLUENTE_RELEASES(_ZN4absl7debian312Notification6NotifyEv)
AFLUENTE_ACQUIRES(_ZNK4absl7debian312Notification19WaitForNotificationEv)

// Waits give the lock and take it again.
void __real__ZN4absl7debian35Mutex5AwaitERKNS0_9ConditionE(void* mutex, void* condition);
void __wrap__ZN4absl7debian35Mutex5AwaitERKNS0_9ConditionE(void* mutex, void* condition) {
  __tsan_release(mutex);
  __real__ZN4absl7debian35Mutex5AwaitERKNS0_9ConditionE(mutex, condition);
  __tsan_acquire(mutex);
}

void __real__ZN4absl7debian37CondVar4WaitEPNS0_5MutexE(void* variable, void* mutex);
void __wrap__ZN4absl7debian37CondVar4WaitEPNS0_5MutexE(void* variable, void* mutex) {
  __tsan_release(mutex);
  __real__ZN4absl7debian37CondVar4WaitEPNS0_5MutexE(variable, mutex);
  __tsan_acquire(mutex);
}

bool __real__ZN4absl7debian37CondVar15WaitWithTimeoutEPNS0_5MutexENS0_8DurationE(
    absl::CondVar* variable, absl::Mutex* mutex, absl::Duration timeout);
bool __wrap__ZN4absl7debian37CondVar15WaitWithTimeoutEPNS0_5MutexENS0_8DurationE(
    absl::CondVar* variable, absl::Mutex* mutex, absl::Duration timeout) {
  __tsan_release(mutex);
  const bool timed_out =
      __real__ZN4absl7debian37CondVar15WaitWithTimeoutEPNS0_5MutexENS0_8DurationE(variable, mutex,
                                                                                  timeout);
  __tsan_acquire(mutex);
  return timed_out;
}

bool __real__ZN4absl7debian35Mutex16AwaitWithTimeoutERKNS0_9ConditionENS0_8DurationE(
    absl::Mutex* mutex, const absl::Condition& condition, absl::Duration timeout);
bool __wrap__ZN4absl7debian35Mutex16AwaitWithTimeoutERKNS0_9ConditionENS0_8DurationE(
    absl::Mutex* mutex, const absl::Condition& condition, absl::Duration timeout) {
  __tsan_release(mutex);
  const bool held = __real__ZN4absl7debian35Mutex16AwaitWithTimeoutERKNS0_9ConditionENS0_8DurationE(
      mutex, condition, timeout);
  __tsan_acquire(mutex);
  return held;
}

}  // extern "C"
