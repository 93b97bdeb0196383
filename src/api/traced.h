#pragma once

#include "http/server.h"

namespace afluente::telemetry {
class Tracer;
}

namespace afluente::api {

// A span for each request, below the one that its traceparent names or at the start of a trace of
// its own; `handler` and the answer find the span's own traceparent in its place. `tracer` outlives
// the handler.
http::Handler Traced(telemetry::Tracer& tracer, http::Handler handler);

}  // namespace afluente::api
