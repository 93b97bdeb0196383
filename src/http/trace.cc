#include "http/trace.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace afluente::http {
namespace {

std::string& Project() {
  static auto* const project = new std::string;
  return *project;
}

bool IsHex(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  });
}

constexpr size_t kTraceDigits = 32;
constexpr size_t kSpanDigits = 16;

}  // namespace

void NameTraces(const std::string& project) { Project() = project; }

telemetry::LogFields TraceFields(const Headers& headers) {
  if (Project().empty()) return {};
  std::string trace;
  std::string span;
  if (const std::string* parent = headers.Find("traceparent")) {
    // 00-TRACE-SPAN-FLAGS
    if (parent->size() >= 55 && (*parent)[2] == '-' && (*parent)[35] == '-') {
      trace = parent->substr(3, kTraceDigits);
      span = parent->substr(36, kSpanDigits);
    }
  } else if (const std::string* cloud = headers.Find("X-Cloud-Trace-Context")) {
    trace = cloud->substr(0, std::min(cloud->find('/'), cloud->size()));
  }
  if (trace.size() != kTraceDigits || !IsHex(trace)) return {};
  telemetry::LogFields fields = {
      {"logging.googleapis.com/trace", absl::StrCat("projects/", Project(), "/traces/", trace)}};
  if (span.size() == kSpanDigits && IsHex(span)) {
    fields.emplace_back("logging.googleapis.com/spanId", span);
  }
  return fields;
}

}  // namespace afluente::http
