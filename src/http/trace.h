#pragma once

#include <string>

#include "http/message.h"
#include "telemetry/log.h"

namespace afluente::http {

// From now on TraceFields names a request's trace, in this project. Once, before requests come.
void NameTraces(const std::string& project);

// What ties a log line to its request in Cloud Logging: "logging.googleapis.com/trace" and
// "logging.googleapis.com/spanId" from traceparent (W3C Trace Context) or X-Cloud-Trace-Context.
// Nothing before NameTraces, and for a request without a trace.
telemetry::LogFields TraceFields(const Headers& headers);

}  // namespace afluente::http
