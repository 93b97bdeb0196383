#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "host/clock.h"
#include "telemetry/trace_context.h"

namespace afluente::telemetry {

class Counter;
class Metrics;

// The numbers are OTLP's.
enum class SpanKind : uint8_t {
  kInternal = 1,
  kServer = 2,
  kClient = 3,
  kProducer = 4,
  kConsumer = 5
};

// Something that took time, as a trace shows it. Names of attributes are OpenTelemetry's semantic
// conventions' where there is one.
struct Span {
  TraceContext context;
  std::string parent_span_id = "";  // empty: the trace begins here
  std::string name;
  SpanKind kind = SpanKind::kInternal;
  host::WallTime start;
  host::WallTime end;
  std::vector<std::pair<std::string, std::variant<std::string, int64_t>>> attributes = {};
  std::string error = "";  // empty: it succeeded
};

// Begins traces and keeps the spans that ended until someone takes them: a bounded queue; a span
// that finds it full is dropped and counted. Owned by roles/ and handed down as a pointer that is
// null where nobody wants traces. Thread-safe, never blocks; what waits is lost at a crash.
class Tracer {
 public:
  static constexpr size_t kWaitingMax = 16'384;

  // Of traces that begin here the share `sample_ratio` (0 to 1) is kept; others' own flag counts.
  Tracer(const host::Clock& clock, double sample_ratio, Metrics& metrics);

  const host::Clock& clock() const { return clock_; }
  // A new trace.
  TraceContext Begin() const;
  // A span of `parent`'s trace, below it.
  static TraceContext Below(const TraceContext& parent);

  // Spans that are not sampled are passed over.
  void End(Span span);

  // Up to `max` spans, oldest first; waits up to `patience` for the first one, and returns at once,
  // when there is none, after Stop.
  std::vector<Span> Take(size_t max, std::chrono::milliseconds patience);
  void Stop();
  bool stopped() const;
  // Waits for Stop, up to `patience`; whether it came.
  bool AwaitStop(std::chrono::milliseconds patience) const;

  // Counted by whoever sends them.
  void Exported(size_t spans);
  void Lost(size_t spans);

 private:
  const host::Clock& clock_;
  const double sample_ratio_;
  Counter& exported_;
  Counter& queue_full_;
  Counter& refused_;
  mutable absl::Mutex mutex_;
  std::vector<Span> waiting_ ABSL_GUARDED_BY(mutex_);
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
};

// What spans say about whom they come from.
struct TraceResource {
  std::string service;  // service.name
  std::string version;
  std::string project;
};

// The body of POST /v1/traces: OTLP's ExportTraceServiceRequest in its JSON form.
std::string ToOtlpJson(const std::vector<Span>& spans, const TraceResource& resource);

}  // namespace afluente::telemetry
