#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "host/clock.h"
#include "source/delivery_log.h"

namespace afluente::source {

// What earlier attempts under one key have stored.
struct StoredRecords {
  std::map<uint64_t, uint64_t> ranges;  // first -> last record number
  uint64_t count = 0;
  std::string first_id;
  std::string last_id;

  bool Has(uint64_t number) const;
  void Add(uint64_t number, std::string message_id);
};

// The requests that came under an Idempotency-Key, so that the same key is answered as the first
// time and an attempt that was cut goes on where it ended, also after a crash: what is stored of it
// is found by the messages' marks, its answer by a note. Kept for 24 hours; of more than
// `keys_max` keys, or `bytes_max` of answers, the oldest go first. Thread-safe.
class IdempotencyKeys {
 public:
  struct Limits {
    size_t keys_max = 10'000;
    uint64_t bytes_max = 16 << 20;
    std::chrono::hours kept{24};
  };
  IdempotencyKeys(DeliveryLog& log, const host::Clock& clock, Limits limits);

  // Before the log starts.
  void Restore(const DeliveryLog::Recovered& recovered);
  // For DeliveryLog::Start.
  std::vector<std::string> Snapshot() const;

  enum class State { kMine, kRunning, kAnswered, kOtherBody };
  struct Claim {
    State state = State::kMine;
    int status = 0;        // kAnswered: as the first time
    std::string body;      // likewise
    StoredRecords stored;  // kMine: go on after these
  };
  // Takes the key for one attempt. `fingerprint` is the body's.
  Claim Take(const std::string& stream, const std::string& fingerprint);
  // A record of the attempt is durable.
  void Stored(const std::string& stream, uint64_t number, const std::string& message_id);
  // The attempt ended without an answer for good: the next one goes on.
  void Leave(const std::string& stream);
  // The answer for good; `done` when it is durable (or its error: then the next attempt goes on).
  void Answer(const std::string& stream, int status, std::string body, DeliveryLog::Done done);

  DeliveryLog& log() { return log_; }

 private:
  struct Entry {
    int64_t seconds = 0;  // when it began
    std::string fingerprint;
    bool running = false;
    int status = 0;  // 0 = not answered
    std::string body;
    StoredRecords stored;
  };
  static std::string Note(const std::string& stream, const Entry& entry);
  void ReadNote(const std::string& note) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Entry& Make(const std::string& stream, int64_t seconds) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void MakeRoom() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  int64_t Now() const;

  DeliveryLog& log_;
  const host::Clock& clock_;
  const Limits limits_;
  mutable absl::Mutex mutex_;
  absl::flat_hash_map<std::string, Entry> entries_ ABSL_GUARDED_BY(mutex_);
  std::deque<std::string> by_age_ ABSL_GUARDED_BY(mutex_);
  uint64_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace afluente::source
