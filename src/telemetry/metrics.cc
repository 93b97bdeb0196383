#include "telemetry/metrics.h"

#include <algorithm>
#include <cmath>

#include "host/check.h"
#include "telemetry/exposition.h"

namespace afluente::telemetry {

// All series of one name.
struct Metrics::Family {
  std::string help;
  MetricKind kind;
  std::map<Labels, std::unique_ptr<Counter>> counters;
  std::map<Labels, std::unique_ptr<Histogram>> histograms;
  std::map<Labels, std::function<double()>> gauges;
};

const std::vector<double>& Histogram::Bounds() {
  static const auto* const bounds =
      new std::vector<double>{0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                              0.05,    0.1,    0.25,    0.5,    1,     2.5,    5,     10};
  return *bounds;
}

void Histogram::Observe(double seconds) {
  const double value = seconds > 0 ? seconds : 0;  // also NaN
  const std::vector<double>& bounds = Bounds();
  const auto bucket = std::lower_bound(bounds.begin(), bounds.end(), value) - bounds.begin();
  counts_[bucket].fetch_add(1, std::memory_order_relaxed);
  const double nanoseconds = std::min(value * 1e9, 1e18);
  sum_nanoseconds_.fetch_add(static_cast<uint64_t>(nanoseconds), std::memory_order_relaxed);
}

std::vector<uint64_t> Histogram::Counts() const {
  std::vector<uint64_t> counts(Bounds().size() + 1);
  for (size_t i = 0; i < counts.size(); ++i) {
    counts[i] = counts_[i].load(std::memory_order_relaxed);
  }
  return counts;
}

double Histogram::sum() const {
  return static_cast<double>(sum_nanoseconds_.load(std::memory_order_relaxed)) / 1e9;
}

Metrics::Family& Metrics::GetFamily(std::string_view name, std::string_view help, MetricKind kind) {
  auto found = families_.find(name);
  if (found == families_.end()) {
    auto family = std::make_shared<Family>();
    family->help = help;
    family->kind = kind;
    found = families_.emplace(std::string(name), std::move(family)).first;
  }
  // One name with two meanings would make a page that no scraper accepts.
  AFLUENTE_CHECK(found->second->kind == kind);
  return *found->second;
}

Counter& Metrics::GetCounter(std::string_view name, std::string_view help, Labels labels) {
  absl::MutexLock lock(&mutex_);
  auto& counter = GetFamily(name, help, MetricKind::kCounter).counters[std::move(labels)];
  if (counter == nullptr) counter = std::make_unique<Counter>();
  return *counter;
}

Histogram& Metrics::GetHistogram(std::string_view name, std::string_view help, Labels labels) {
  absl::MutexLock lock(&mutex_);
  auto& histogram = GetFamily(name, help, MetricKind::kHistogram).histograms[std::move(labels)];
  if (histogram == nullptr) histogram = std::make_unique<Histogram>();
  return *histogram;
}

void Metrics::AddGauge(std::string_view name, std::string_view help, Labels labels,
                       std::function<double()> read) {
  absl::MutexLock lock(&mutex_);
  GetFamily(name, help, MetricKind::kGauge).gauges[std::move(labels)] = std::move(read);
}

void Metrics::AddCollector(std::function<void(Exposition&)> collect) {
  absl::MutexLock lock(&mutex_);
  collectors_.push_back(std::move(collect));
}

std::shared_ptr<Metrics::Family> Metrics::FindFamily(std::string_view name) const {
  const auto found = families_.find(name);
  return found == families_.end() ? nullptr : found->second;
}

std::vector<std::pair<Labels, uint64_t>> Metrics::Counters(std::string_view name) const {
  std::vector<std::pair<Labels, uint64_t>> values;
  absl::MutexLock lock(&mutex_);
  const auto family = FindFamily(name);
  if (family == nullptr) return values;
  for (const auto& [labels, counter] : family->counters)
    values.emplace_back(labels, counter->value());
  return values;
}

std::vector<std::pair<Labels, double>> Metrics::Gauges(std::string_view name) const {
  std::map<Labels, std::function<double()>> reads;
  {
    absl::MutexLock lock(&mutex_);
    const auto family = FindFamily(name);
    if (family != nullptr) reads = family->gauges;
  }
  std::vector<std::pair<Labels, double>> values;
  for (const auto& [labels, read] : reads) values.emplace_back(labels, read());
  return values;
}

std::vector<std::pair<Labels, const Histogram*>> Metrics::Histograms(std::string_view name) const {
  std::vector<std::pair<Labels, const Histogram*>> values;
  absl::MutexLock lock(&mutex_);
  const auto family = FindFamily(name);
  if (family == nullptr) return values;
  for (const auto& [labels, histogram] : family->histograms)
    values.emplace_back(labels, histogram.get());
  return values;
}

void Metrics::ExposeFamily(const std::string& name, const Family& family, Exposition& page) {
  page.Family(name, family.help, family.kind);
  for (const auto& [labels, counter] : family.counters)
    page.Sample(LabelText(labels), counter->value());
  for (const auto& [labels, histogram] : family.histograms) {
    page.Histogram(LabelText(labels), Histogram::Bounds(), histogram->Counts(), histogram->sum());
  }
}

std::string Metrics::Expose() const {
  struct Line {
    std::string text;
    std::string labels;
    std::function<double()> read;  // a gauge, read after the lock is released
  };
  std::vector<Line> lines;
  std::vector<std::function<void(Exposition&)>> collectors;
  Exposition page;
  {
    absl::MutexLock lock(&mutex_);
    for (const auto& [name, family] : families_) {
      ExposeFamily(name, *family, page);
      lines.push_back({page.Take(), "", nullptr});
      for (const auto& [labels, read] : family->gauges)
        lines.push_back({name, LabelText(labels), read});
    }
    collectors = collectors_;
  }
  for (const Line& line : lines) {
    if (line.read == nullptr) {
      page.Append(line.text);
    } else {
      page.Line(line.text, line.labels, line.read());
    }
  }
  for (const auto& collect : collectors) collect(page);
  return page.Take();
}

}  // namespace afluente::telemetry
