#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"

namespace afluente::telemetry {

// The last hour of named numbers: the last five minutes by the second, the hour by ten seconds (a
// point of it is the largest of its ten). A bounded number of series, each of fixed size; those
// beyond it are not kept, and a series that was not written for an hour makes room. Thread-safe;
// lost at a restart.
class History {
 public:
  static constexpr size_t kSeriesMax = 4'000;
  static constexpr size_t kFinePoints = 300;
  static constexpr size_t kCoarsePoints = 360;
  static constexpr int64_t kCoarseSeconds = 10;

  using Values = std::vector<std::pair<std::string, float>>;
  // What was at `second` (of the Unix epoch); seconds never go back. A series that is not named has
  // no point there.
  void Add(int64_t second, const Values& values);

  enum class Step { kFine, kCoarse };
  struct Points {
    int64_t first_second = 0;  // of the first value
    int64_t step_seconds = 1;
    std::vector<std::optional<float>> values;
  };
  // A window that ends at the last Add, with as many values as it has points; empty for an unknown
  // name.
  Points Read(std::string_view name, Step step) const;
  size_t series() const;

 private:
  template <size_t kPoints>
  struct Ring {
    std::array<float, kPoints> values;
    int64_t last = -1;  // tick of the newest value
    Ring() { values.fill(Nothing()); }
    void Put(int64_t tick, float value);
    std::vector<std::optional<float>> Read(int64_t now) const;
  };
  struct Series {
    Ring<kFinePoints> fine;
    Ring<kCoarsePoints> coarse;
  };
  static float Nothing();
  // Of what was not written for an hour; looks at all series, once in ten seconds at most.
  void MakeRoom() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable absl::Mutex mutex_;
  int64_t last_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t room_made_ ABSL_GUARDED_BY(mutex_) = -1;  // the coarse tick of then
  absl::flat_hash_map<std::string, std::unique_ptr<Series>> series_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace afluente::telemetry
