#include "telemetry/tracer.h"

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <random>

#include "absl/time/time.h"
#include "host/random.h"
#include "telemetry/json_string.h"
#include "telemetry/metric_names.h"
#include "telemetry/metrics.h"

namespace afluente::telemetry {
namespace {

// Ids only have to differ from one another: no system call for each.
uint64_t RandomNumber() {
  thread_local std::mt19937_64 generator(host::RandomUint64());
  return generator();
}

std::string RandomId(size_t numbers) {
  std::string id;
  for (size_t i = 0; i < numbers; ++i) {
    char digits[17];
    std::snprintf(digits, sizeof digits, "%016llx",
                  static_cast<unsigned long long>(RandomNumber() | (i == 0)));
    id += digits;
  }
  return id;
}

int64_t Nanoseconds(host::WallTime time) { return time.time_since_epoch().count() * 1000; }

void AppendField(std::string& out, std::string_view name, std::string_view text) {
  if (out.back() != '{') out += ',';
  AppendJsonString(out, name);
  out += ':';
  AppendJsonString(out, text);
}

// 64-bit integers are texts in protobuf's JSON.
void AppendAttribute(std::string& out, std::string_view key,
                     const std::variant<std::string, int64_t>& value) {
  if (out.back() != '[') out += ',';
  out += '{';
  AppendField(out, "key", key);
  out += ",\"value\":{";
  if (const auto* text = std::get_if<std::string>(&value)) {
    AppendField(out, "stringValue", *text);
  } else {
    AppendField(out, "intValue", std::to_string(std::get<int64_t>(value)));
  }
  out += "}}";
}

void AppendSpan(std::string& out, const Span& span) {
  if (out.back() != '[') out += ',';
  out += '{';
  AppendField(out, "traceId", span.context.trace_id);
  AppendField(out, "spanId", span.context.span_id);
  if (!span.parent_span_id.empty()) AppendField(out, "parentSpanId", span.parent_span_id);
  AppendField(out, "name", span.name);
  out += ",\"kind\":" + std::to_string(static_cast<int>(span.kind));
  AppendField(out, "startTimeUnixNano", std::to_string(Nanoseconds(span.start)));
  // A clock that was set back makes no span end before it began.
  AppendField(out, "endTimeUnixNano", std::to_string(Nanoseconds(std::max(span.start, span.end))));
  out += ",\"attributes\":[";
  for (const auto& [key, value] : span.attributes) AppendAttribute(out, key, value);
  out += ']';
  if (!span.error.empty()) {
    out += ",\"status\":{\"code\":2";
    AppendField(out, "message", span.error);
    out += '}';
  }
  out += '}';
}

}  // namespace

Tracer::Tracer(const host::Clock& clock, double sample_ratio, Metrics& metrics)
    : clock_(clock),
      sample_ratio_(sample_ratio),
      exported_(metrics.GetCounter(kTraceSpans, kTraceSpansHelp, {{"outcome", "exported"}})),
      queue_full_(metrics.GetCounter(kTraceSpans, kTraceSpansHelp, {{"outcome", "queue_full"}})),
      refused_(metrics.GetCounter(kTraceSpans, kTraceSpansHelp, {{"outcome", "refused"}})) {}

TraceContext Tracer::Begin() const {
  const double drawn = static_cast<double>(RandomNumber() >> 11) * 0x1.0p-53;
  return {RandomId(2), RandomId(1), drawn < sample_ratio_};
}

TraceContext Tracer::Below(const TraceContext& parent) {
  return {parent.trace_id, RandomId(1), parent.sampled};
}

void Tracer::End(Span span) {
  if (!span.context.sampled) return;
  absl::MutexLock lock(&mutex_);
  if (waiting_.size() >= kWaitingMax) return queue_full_.Add();
  waiting_.push_back(std::move(span));
}

std::vector<Span> Tracer::Take(size_t max, std::chrono::milliseconds patience) {
  absl::MutexLock lock(&mutex_);
  const auto some = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return stopped_ || !waiting_.empty();
  };
  mutex_.AwaitWithTimeout(absl::Condition(&some), absl::FromChrono(patience));
  if (waiting_.size() <= max) return std::exchange(waiting_, {});
  const auto middle = waiting_.begin() + static_cast<std::ptrdiff_t>(max);
  std::vector<Span> taken(std::make_move_iterator(waiting_.begin()),
                          std::make_move_iterator(middle));
  waiting_.erase(waiting_.begin(), middle);
  return taken;
}

void Tracer::Stop() {
  absl::MutexLock lock(&mutex_);
  stopped_ = true;
}

bool Tracer::stopped() const {
  absl::MutexLock lock(&mutex_);
  return stopped_;
}

bool Tracer::AwaitStop(std::chrono::milliseconds patience) const {
  absl::MutexLock lock(&mutex_);
  return mutex_.AwaitWithTimeout(absl::Condition(&stopped_), absl::FromChrono(patience));
}

void Tracer::Exported(size_t spans) { exported_.Add(spans); }
void Tracer::Lost(size_t spans) { refused_.Add(spans); }

std::string ToOtlpJson(const std::vector<Span>& spans, const TraceResource& resource) {
  std::string out = R"({"resourceSpans":[{"resource":{"attributes":[)";
  AppendAttribute(out, "service.name", resource.service);
  AppendAttribute(out, "service.version", resource.version);
  AppendAttribute(out, "afluente.project", resource.project);
  out += R"(]},"scopeSpans":[{"scope":{"name":"afluente"},"spans":[)";
  for (const Span& span : spans) AppendSpan(out, span);
  return out + "]}]}]}";
}

}  // namespace afluente::telemetry
