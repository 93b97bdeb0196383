#pragma once

#include "http/server.h"

namespace afluente::http {
class Router;
}

namespace afluente::telemetry {
class Tracer;
}

namespace afluente::api {

// A span for each request, below the one that its traceparent names or at the start of a trace of
// its own; `handler` and the answer find the span's own traceparent in its place. Its name has the
// request's route from `routes`, which outlives the handler as `tracer` does.
http::Handler Traced(telemetry::Tracer& tracer, const http::Router& routes, http::Handler handler);

}  // namespace afluente::api
