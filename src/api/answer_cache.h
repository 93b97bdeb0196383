#pragma once

#include <functional>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"
#include "host/clock.h"
#include "http/message.h"

namespace afluente::api {

// An answer that may be given again.
struct KeptAnswer {
  http::Response response;
  std::string tag;  // of the tables' versions that it was read at; empty when unknown
  host::MonotonicTime made_at;
  std::string freshness{};  // of the data in it; empty when unknown
};

// Answers in memory, a bounded number of bytes; the one used longest ago goes. While one request
// makes an answer, others with its key wait for it instead of running the statement too. Lost with
// the process. Thread-safe; callbacks run outside its lock.
class AnswerCache {
 public:
  using Kept = std::shared_ptr<const KeptAnswer>;
  // Gets the answer, or the refusal that its maker got.
  using Waiter = absl::AnyInvocable<void(Kept)>;

  explicit AnswerCache(size_t bytes_max) : bytes_max_(bytes_max) {}

  // nullptr when there is none. Shared: it stays whole while it is being sent.
  Kept Find(const std::string& key);
  // True: the caller makes the answer and calls Finish, whatever happens. False: `waiter` is called
  // when another has made it.
  bool Begin(const std::string& key, Waiter& waiter);
  // Gives the answer to all who wait, and keeps it where `keep`.
  void Finish(const std::string& key, Kept answer, bool keep);

 private:
  struct Entry {
    Kept answer;
    size_t bytes = 0;
    std::list<std::string>::iterator place;
  };
  void Drop(const std::string& key) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const size_t bytes_max_;
  absl::Mutex mutex_;
  absl::flat_hash_map<std::string, Entry> entries_ ABSL_GUARDED_BY(mutex_);
  std::list<std::string> by_use_ ABSL_GUARDED_BY(mutex_);  // the latest first
  absl::flat_hash_map<std::string, std::vector<Waiter>> making_ ABSL_GUARDED_BY(mutex_);
  size_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace afluente::api
