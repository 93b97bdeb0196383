#pragma once

#include <string>

#include "http/message.h"
#include "telemetry/log.h"

namespace afluente::http {

// From now on TraceFields names traces as Cloud Logging does, in this project. Once, before
// requests come.
void NameTraces(const std::string& project);

// What ties a log line to its request: "trace_id", or in Cloud Logging
// "logging.googleapis.com/trace" and "logging.googleapis.com/spanId", from traceparent (W3C Trace
// Context) or X-Cloud-Trace-Context. Nothing for a request without a trace.
telemetry::LogFields TraceFields(const Headers& headers);

}  // namespace afluente::http
