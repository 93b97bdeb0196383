#include "api/traced.h"

#include <string>
#include <utility>

#include "http/router.h"
#include "schema/text.h"
#include "telemetry/tracer.h"

namespace afluente::api {
namespace {

constexpr char kTraceparent[] = "traceparent";

telemetry::Span BeginSpan(const telemetry::Tracer& tracer, const http::Request& request) {
  telemetry::Span span;
  const std::string* given = request.headers.Find(kTraceparent);
  const bool one = given != nullptr && request.headers.Count(kTraceparent) == 1;
  const auto parent = one ? telemetry::ParseTraceparent(*given) : std::nullopt;
  span.context = parent ? telemetry::Tracer::Below(*parent) : tracer.Begin();
  if (parent) span.parent_span_id = parent->span_id;
  span.kind = telemetry::SpanKind::kServer;
  span.start = tracer.clock().Now();
  span.attributes = {{"http.request.method", request.method},
                     {"url.path", request.path},
                     {"url.scheme", request.tls ? "https" : "http"},
                     {"client.address", request.remote_address}};
  return span;
}

}  // namespace

http::Handler Traced(telemetry::Tracer& tracer, const http::Router& routes, http::Handler handler) {
  return [&tracer, &routes, handler = std::move(handler)](http::Request request,
                                                          http::Responder responder) {
    telemetry::Span span = BeginSpan(tracer, request);
    const std::string route = span.context.sampled ? routes.PatternOf(request) : "";
    span.name = route.empty() ? request.method : schema::Concat(request.method, " ", route);
    if (!route.empty()) span.attributes.emplace_back("http.route", route);
    request.headers.Set(kTraceparent, FormatTraceparent(span.context));
    handler(std::move(request), [&tracer, span = std::move(span), responder = std::move(responder)](
                                    http::Response response) mutable {
      response.headers.Set(kTraceparent, FormatTraceparent(span.context));
      span.attributes.emplace_back("http.response.status_code", int64_t{response.status});
      if (response.status >= 500) span.error = schema::Concat("HTTP ", response.status);
      span.end = tracer.clock().Now();
      tracer.End(std::move(span));
      responder(std::move(response));
    });
  };
}

}  // namespace afluente::api
