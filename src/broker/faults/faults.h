#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"

namespace afluente::broker::faults {

enum class FaultKind { kDelay, kDuplicate, kNack, kUnavailable };

// What goes wrong at one topic (its publishes) or subscription (its deliveries).
struct Fault {
  std::string topic;  // a full name; of topic and subscription one alone is set
  std::string subscription;
  FaultKind kind = FaultKind::kDelay;
  double probability = 1;
  std::optional<uint64_t> count;  // how often it still strikes; unset = until it is removed
  std::chrono::milliseconds delay{0};
  uint64_t struck = 0;
};

// The named faults of an instance that tests run against. Thread-safe; forgotten at its end.
class Faults {
 public:
  static constexpr size_t kMax = 1'000;

  // Replaces the fault of that name. INVALID_ARGUMENT when it makes no sense, RESOURCE_EXHAUSTED
  // when there are too many.
  absl::Status Put(std::string name, Fault fault);
  // False when there is none.
  bool Remove(std::string_view name);
  void Clear();
  std::map<std::string, Fault, std::less<>> List() const;

  // The first fault of one of the kinds that strikes the resource this time, which counts.
  std::optional<Fault> Strike(std::string_view resource, std::initializer_list<FaultKind> kinds);

 private:
  mutable absl::Mutex mutex_;
  std::map<std::string, Fault, std::less<>> faults_ ABSL_GUARDED_BY(mutex_);
  std::mt19937_64 random_ ABSL_GUARDED_BY(mutex_){std::random_device()()};
};

}  // namespace afluente::broker::faults
