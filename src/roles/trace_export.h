#pragma once

#include <memory>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "http/message.h"
#include "telemetry/tracer.h"

namespace afluente::host {
class Clock;
}
namespace afluente::spec {
struct Spec;
}
namespace afluente::telemetry {
class Metrics;
}

namespace afluente::roles {

// Where spans go, as `traces:` and OpenTelemetry's environment say (the environment wins).
struct TraceTarget {
  std::string url;  // of POST; empty: nobody wants traces
  http::Headers headers;
  double sample_ratio = 1;
  std::string service;
};

// Reads OTEL_SDK_DISABLED, OTEL_EXPORTER_OTLP_[TRACES_]ENDPOINT, ..._HEADERS, ..._PROTOCOL,
// OTEL_TRACES_SAMPLER(_ARG) and OTEL_SERVICE_NAME. INVALID_ARGUMENT for what they ask and Afluente
// does not do.
absl::StatusOr<TraceTarget> FindTraceTarget(const spec::Spec& spec);

// Sends spans to an OTLP receiver as JSON, on a thread of its own. Owned by a role; what takes the
// tracer goes before it. A receiver that is away costs spans, which are counted, and nothing else.
class TraceExport {
 public:
  // nullptr when nobody wants traces.
  static absl::StatusOr<std::unique_ptr<TraceExport>> Open(const spec::Spec& spec,
                                                           const host::Clock& clock,
                                                           telemetry::Metrics& metrics);
  ~TraceExport();
  telemetry::Tracer* tracer() { return &tracer_; }
  // Sends what waits once more, for a second at most.
  void Stop();

 private:
  TraceExport(TraceTarget target, std::string project, const host::Clock& clock,
              telemetry::Metrics& metrics);
  void Run();
  // False when they are lost.
  bool Send(const std::vector<telemetry::Span>& spans);
  // One request; UNAVAILABLE when another one may succeed.
  absl::Status Post(const std::string& body, size_t spans);

  const TraceTarget target_;
  const telemetry::TraceResource resource_;
  telemetry::Tracer tracer_;
  bool told_ = false;  // of the trouble that there is now
  std::thread thread_;
};

// Its tracer, or nullptr.
telemetry::Tracer* TracerOf(const std::unique_ptr<TraceExport>& traces);

}  // namespace afluente::roles
