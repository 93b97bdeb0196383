#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "telemetry/metrics.h"

namespace afluente::telemetry {

enum class MetricKind : uint8_t { kCounter, kGauge, kHistogram };

// {a="1",b="2"}, empty for none.
std::string LabelText(const Labels& labels);

// A page in Prometheus text format 0.0.4 as it is written: each family's head, then its samples.
// Not thread-safe.
class Exposition {
 public:
  void Family(std::string_view name, std::string_view help, MetricKind kind);
  // Of the last family. `labels` is what LabelText gives.
  void Sample(std::string_view labels, double value);
  void Sample(std::string_view labels, uint64_t value);
  // `counts` has one more entry than `bounds`, not cumulative.
  void Histogram(std::string_view labels, const std::vector<double>& bounds,
                 const std::vector<uint64_t>& counts, double sum);
  // Of a family that was begun elsewhere.
  void Line(std::string_view name, std::string_view labels, double value);
  // Lines that are written already.
  void Append(std::string_view lines) { text_ += lines; }

  std::string Take() { return std::exchange(text_, std::string()); }

 private:
  std::string name_;
  std::string text_;
};

}  // namespace afluente::telemetry
