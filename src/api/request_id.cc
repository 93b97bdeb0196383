#include "api/request_id.h"

#include <algorithm>
#include <utility>

#include "host/random.h"
#include "http/problem.h"
#include "schema/text.h"
#include "telemetry/trace_context.h"

namespace afluente::api {

bool IsRequestId(std::string_view text) {
  return !text.empty() && text.size() <= 128 && std::all_of(text.begin(), text.end(), [](char c) {
    return schema::IsAlpha(c) || schema::IsDigit(c) || c == '-' || c == '_' || c == '.';
  });
}

http::Response RefusalWithRequestId(int status, std::string_view detail) {
  http::Response response = http::Refusal(nullptr, status, detail);
  response.headers.Set("X-Request-Id", host::RandomHex(16));
  return response;
}

http::Handler WithRequestId(http::Handler handler) {
  return [handler = std::move(handler)](http::Request request, http::Responder responder) {
    const std::string* given = request.headers.Find("X-Request-Id");
    const bool keep =
        given != nullptr && request.headers.Count("X-Request-Id") == 1 && IsRequestId(*given);
    // A trace's id is as good, and finds the rest of the trace too.
    const std::string* parent = request.headers.Find("traceparent");
    const auto trace =
        keep || parent == nullptr ? std::nullopt : telemetry::ParseTraceparent(*parent);
    std::string id = keep ? *given : trace ? trace->trace_id : host::RandomHex(16);
    request.headers.Set("X-Request-Id", id);
    handler(std::move(request), [id = std::move(id), responder = std::move(responder)](
                                    http::Response response) mutable {
      response.headers.Set("X-Request-Id", std::move(id));
      responder(std::move(response));
    });
  };
}

}  // namespace afluente::api
