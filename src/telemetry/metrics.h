#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"

namespace afluente::telemetry {

class Exposition;
enum class MetricKind : uint8_t;

using Labels = std::vector<std::pair<std::string, std::string>>;

class Counter {
 public:
  void Add(uint64_t by = 1) { value_.fetch_add(by, std::memory_order_relaxed); }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

// Latency in seconds over fixed buckets from 50 us to 10 s.
class Histogram {
 public:
  void Observe(double seconds);
  static const std::vector<double>& Bounds();
  std::vector<uint64_t> Counts() const;  // one a bound and one above, not cumulative
  double sum() const;

 private:
  std::atomic<uint64_t> counts_[20] = {};
  std::atomic<uint64_t> sum_nanoseconds_{0};
};

// The process's metrics, written out in Prometheus text format 0.0.4. Made by roles/ and handed
// down; instruments live as long as the registry. Thread-safe. Names stand in
// telemetry/metric_names.h.
class Metrics {
 public:
  Counter& GetCounter(std::string_view name, std::string_view help, Labels labels = {});
  Histogram& GetHistogram(std::string_view name, std::string_view help, Labels labels = {});
  // A value read when scraped. `read` must be callable from any thread until the registry goes.
  void AddGauge(std::string_view name, std::string_view help, Labels labels,
                std::function<double()> read);
  // Families that are written whole when scraped, for resources that come and go. As above.
  void AddCollector(std::function<void(Exposition&)> collect);
  std::string Expose() const;

  // The series of one family as they are now, for those who look inside the process.
  std::vector<std::pair<Labels, uint64_t>> Counters(std::string_view name) const;
  std::vector<std::pair<Labels, double>> Gauges(std::string_view name) const;
  std::vector<std::pair<Labels, const Histogram*>> Histograms(std::string_view name) const;

 private:
  struct Family;
  std::shared_ptr<Family> FindFamily(std::string_view name) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Family& GetFamily(std::string_view name, std::string_view help, MetricKind kind)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  static void ExposeFamily(const std::string& name, const Family& family, Exposition& page);
  mutable absl::Mutex mutex_;
  std::vector<std::function<void(Exposition&)>> collectors_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::shared_ptr<Family>, std::less<>> families_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace afluente::telemetry
