#include "telemetry/exposition.h"

#include <charconv>
#include <cmath>

namespace afluente::telemetry {
namespace {

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

std::string_view KindText(MetricKind kind) {
  switch (kind) {
    case MetricKind::kCounter:
      return "counter";
    case MetricKind::kGauge:
      return "gauge";
    default:
      return "histogram";
  }
}

}  // namespace

std::string LabelText(const Labels& labels) {
  if (labels.empty()) return "";
  std::string text = "{";
  for (const auto& [name, value] : labels) {
    if (text.size() > 1) text += ',';
    text += name;
    text += "=\"";
    AppendEscaped(text, value, true);
    text += '"';
  }
  return text + '}';
}

void Exposition::Family(std::string_view name, std::string_view help, MetricKind kind) {
  name_ = name;
  text_ += "# HELP " + name_ + ' ';
  AppendEscaped(text_, help, false);
  text_ += "\n# TYPE " + name_ + ' ';
  text_ += KindText(kind);
  text_ += '\n';
}

void Exposition::Line(std::string_view name, std::string_view labels, double value) {
  text_ += name;
  text_ += labels;
  text_ += ' ';
  AppendNumber(text_, value);
  text_ += '\n';
}

void Exposition::Sample(std::string_view labels, double value) { Line(name_, labels, value); }

void Exposition::Sample(std::string_view labels, uint64_t value) {
  text_ += name_;
  text_ += labels;
  text_ += ' ';
  AppendNumber(text_, value);
  text_ += '\n';
}

void Exposition::Histogram(std::string_view labels, const std::vector<double>& bounds,
                           const std::vector<uint64_t>& counts, double sum) {
  const std::string family = name_;
  // The bound is one more label.
  std::string open = labels.empty() ? "{" : std::string(labels.substr(0, labels.size() - 1)) + ",";
  uint64_t total = 0;
  name_ = family + "_bucket";
  for (size_t i = 0; i < counts.size(); ++i) {
    total += counts[i];
    std::string bound = open + "le=\"";
    AppendNumber(bound, i < bounds.size() ? bounds[i] : INFINITY);
    Sample(bound + "\"}", total);
  }
  name_ = family + "_sum";
  Sample(labels, sum);
  name_ = family + "_count";
  Sample(labels, total);
  name_ = family;
}

}  // namespace afluente::telemetry
