#include "telemetry/history.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace afluente::telemetry {

float History::Nothing() { return std::numeric_limits<float>::quiet_NaN(); }

template <size_t kPoints>
void History::Ring<kPoints>::Put(int64_t tick, float value) {
  float& slot = values[static_cast<size_t>(tick) % kPoints];
  if (tick == last) {
    slot = std::isnan(slot) ? value : std::max(slot, value);
    return;
  }
  const int64_t size = static_cast<int64_t>(kPoints);
  for (int64_t gap = std::max(last + 1, tick - size); gap < tick; ++gap)
    values[static_cast<size_t>(gap) % kPoints] = Nothing();
  slot = value;
  last = tick;
}

template <size_t kPoints>
std::vector<std::optional<float>> History::Ring<kPoints>::Read(int64_t now) const {
  const int64_t size = static_cast<int64_t>(kPoints);
  std::vector<std::optional<float>> read(kPoints);
  for (int64_t tick = std::max<int64_t>(0, now - size + 1); tick <= now; ++tick) {
    if (tick > last || tick <= last - size) continue;
    const float value = values[static_cast<size_t>(tick) % kPoints];
    if (!std::isnan(value)) read[static_cast<size_t>(tick - (now - size + 1))] = value;
  }
  return read;
}

void History::Add(int64_t second, const Values& values) {
  absl::MutexLock lock(&mutex_);
  last_ = std::max(last_, second);
  for (const auto& [name, value] : values) {
    auto found = series_.find(name);
    if (found == series_.end()) {
      if (series_.size() >= kSeriesMax) MakeRoom();
      if (series_.size() >= kSeriesMax) continue;
      found = series_.emplace(name, std::make_unique<Series>()).first;
    }
    found->second->fine.Put(last_, value);
    found->second->coarse.Put(last_ / kCoarseSeconds, value);
  }
}

void History::MakeRoom() {
  const int64_t now = last_ / kCoarseSeconds;
  if (std::exchange(room_made_, now) == now) return;
  const int64_t oldest = now - static_cast<int64_t>(kCoarsePoints);
  absl::erase_if(series_, [oldest](const auto& one) { return one.second->coarse.last <= oldest; });
}

History::Points History::Read(std::string_view name, Step step) const {
  absl::MutexLock lock(&mutex_);
  const auto found = series_.find(std::string(name));
  if (found == series_.end()) return {};
  Points points;
  if (step == Step::kFine) {
    points.values = found->second->fine.Read(last_);
    points.first_second = last_ - static_cast<int64_t>(kFinePoints) + 1;
    return points;
  }
  const int64_t now = last_ / kCoarseSeconds;
  points.values = found->second->coarse.Read(now);
  points.step_seconds = kCoarseSeconds;
  points.first_second = (now - static_cast<int64_t>(kCoarsePoints) + 1) * kCoarseSeconds;
  return points;
}

size_t History::series() const {
  absl::MutexLock lock(&mutex_);
  return series_.size();
}

}  // namespace afluente::telemetry
