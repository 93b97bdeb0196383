#include "http/trace.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "telemetry/trace_context.h"

namespace afluente::http {
namespace {

std::string& Project() {
  static auto* const project = new std::string;
  return *project;
}

bool IsTraceId(std::string_view text) {
  return text.size() == 32 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
         });
}

}  // namespace

void NameTraces(const std::string& project) { Project() = project; }

telemetry::LogFields TraceFields(const Headers& headers) {
  std::string trace;
  std::string span;
  if (const std::string* given = headers.Find("traceparent")) {
    if (auto parent = telemetry::ParseTraceparent(*given)) {
      trace = std::move(parent->trace_id);
      span = std::move(parent->span_id);
    }
  } else if (const std::string* cloud = headers.Find("X-Cloud-Trace-Context")) {
    trace = cloud->substr(0, std::min(cloud->find('/'), cloud->size()));
  }
  if (!IsTraceId(trace)) return {};
  if (Project().empty()) return {{"trace_id", std::move(trace)}};
  telemetry::LogFields fields = {
      {"logging.googleapis.com/trace", absl::StrCat("projects/", Project(), "/traces/", trace)}};
  if (!span.empty()) fields.emplace_back("logging.googleapis.com/spanId", span);
  return fields;
}

}  // namespace afluente::http
