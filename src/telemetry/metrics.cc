#include "telemetry/metrics.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "host/check.h"

namespace afluente::telemetry {
namespace {

constexpr std::string_view kCounter = "counter";
constexpr std::string_view kGauge = "gauge";
constexpr std::string_view kHistogram = "histogram";

void AppendNumber(std::string& out, double number) {
  if (std::isnan(number)) {
    out += "NaN";
  } else if (std::isinf(number)) {
    out += number > 0 ? "+Inf" : "-Inf";
  } else {
    char digits[32];
    out.append(
        digits,
        std::to_chars(digits, digits + sizeof digits, number, std::chars_format::general).ptr);
  }
}

void AppendNumber(std::string& out, uint64_t number) {
  char digits[24];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

// HELP escapes backslash and line feed; a label's value the quote too.
void AppendEscaped(std::string& out, std::string_view text, bool quote) {
  for (const char c : text) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '"' && quote) {
      out += "\\\"";
    } else {
      out += c;
    }
  }
}

// {a="1",b="2"}; `extra` is one more label, already written.
std::string LabelText(const Labels& labels, std::string_view extra = {}) {
  if (labels.empty() && extra.empty()) return "";
  std::string text = "{";
  for (const auto& [name, value] : labels) {
    if (text.size() > 1) text += ',';
    text += name;
    text += "=\"";
    AppendEscaped(text, value, true);
    text += '"';
  }
  if (!extra.empty()) {
    if (text.size() > 1) text += ',';
    text += extra;
  }
  text += '}';
  return text;
}

void AppendHistogram(std::string& out, const std::string& name, const Labels& labels,
                     const Histogram& histogram) {
  const std::vector<uint64_t> counts = histogram.Counts();
  const std::vector<double>& bounds = Histogram::Bounds();
  uint64_t total = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    total += counts[i];
    std::string bound = "le=\"";
    AppendNumber(bound, i < bounds.size() ? bounds[i] : INFINITY);
    bound += '"';
    out += name + "_bucket" + LabelText(labels, bound) + ' ';
    AppendNumber(out, total);
    out += '\n';
  }
  out += name + "_sum" + LabelText(labels) + ' ';
  AppendNumber(out, histogram.sum());
  out += '\n' + name + "_count" + LabelText(labels) + ' ';
  AppendNumber(out, total);
  out += '\n';
}

}  // namespace

// All series of one name.
struct Metrics::Family {
  std::string help;
  std::string type;
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

Metrics::Family& Metrics::GetFamily(std::string_view name, std::string_view help,
                                    std::string_view type) {
  auto found = families_.find(name);
  if (found == families_.end()) {
    auto family = std::make_shared<Family>();
    family->help = help;
    family->type = type;
    found = families_.emplace(std::string(name), std::move(family)).first;
  }
  // One name with two meanings would make a page that no scraper accepts.
  AFLUENTE_CHECK(found->second->type == type);
  return *found->second;
}

Counter& Metrics::GetCounter(std::string_view name, std::string_view help, Labels labels) {
  absl::MutexLock lock(&mutex_);
  auto& counter = GetFamily(name, help, kCounter).counters[std::move(labels)];
  if (counter == nullptr) counter = std::make_unique<Counter>();
  return *counter;
}

Histogram& Metrics::GetHistogram(std::string_view name, std::string_view help, Labels labels) {
  absl::MutexLock lock(&mutex_);
  auto& histogram = GetFamily(name, help, kHistogram).histograms[std::move(labels)];
  if (histogram == nullptr) histogram = std::make_unique<Histogram>();
  return *histogram;
}

void Metrics::AddGauge(std::string_view name, std::string_view help, Labels labels,
                       std::function<double()> read) {
  absl::MutexLock lock(&mutex_);
  GetFamily(name, help, kGauge).gauges[std::move(labels)] = std::move(read);
}

std::string Metrics::Expose() const {
  struct Line {
    std::string text;
    std::function<double()> read;  // a gauge, read after the lock is released
  };
  std::vector<Line> lines;
  {
    absl::MutexLock lock(&mutex_);
    for (const auto& [name, family] : families_) {
      std::string text = "# HELP " + name + ' ';
      AppendEscaped(text, family->help, false);
      text += "\n# TYPE " + name + ' ' + family->type + '\n';
      for (const auto& [labels, counter] : family->counters) {
        text += name + LabelText(labels) + ' ';
        AppendNumber(text, counter->value());
        text += '\n';
      }
      for (const auto& [labels, histogram] : family->histograms) {
        AppendHistogram(text, name, labels, *histogram);
      }
      lines.push_back({std::move(text), nullptr});
      for (const auto& [labels, read] : family->gauges) {
        lines.push_back({name + LabelText(labels) + ' ', read});
      }
    }
  }
  std::string page;
  for (const Line& line : lines) {
    page += line.text;
    if (line.read == nullptr) continue;
    AppendNumber(page, line.read());
    page += '\n';
  }
  return page;
}

}  // namespace afluente::telemetry
