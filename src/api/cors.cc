#include "api/cors.h"

#include <algorithm>
#include <utility>

namespace afluente::api {
namespace {

constexpr char kReadable[] =
    "ETag, Link, Age, X-Request-Id, Retry-After, X-RateLimit-Limit, X-RateLimit-Remaining, "
    "X-RateLimit-Reset, X-Data-Freshness";

}  // namespace

Cors::Cors(std::vector<std::string> origins) : origins_(std::move(origins)) {
  everyone_ = std::count(origins_.begin(), origins_.end(), "*") > 0;
}

bool Cors::Allows(std::string_view origin) const {
  return everyone_ || std::count(origins_.begin(), origins_.end(), origin) > 0;
}

void Cors::Decorate(const http::Request& request, http::Response& response) const {
  if (!any()) return;
  const std::string* origin = request.headers.Find("Origin");
  if (origin == nullptr || !Allows(*origin)) return;
  response.headers.Set("Access-Control-Allow-Origin", everyone_ ? "*" : *origin);
  response.headers.Set("Access-Control-Expose-Headers", kReadable);
}

http::Response Cors::Options(const http::Request& request) const {
  http::Response response;
  response.status = 204;
  response.headers.Add("Allow", "GET, HEAD, OPTIONS");
  if (any()) response.headers.Add("Vary", "Origin");
  const std::string* origin = request.headers.Find("Origin");
  const bool preflight = request.headers.Find("Access-Control-Request-Method") != nullptr;
  if (!preflight || origin == nullptr || !Allows(*origin)) return response;
  response.headers.Add("Access-Control-Allow-Origin", everyone_ ? "*" : *origin);
  response.headers.Add("Access-Control-Allow-Methods", "GET, HEAD");
  response.headers.Add("Access-Control-Allow-Headers",
                       "Accept, Authorization, If-None-Match, Last-Event-ID, X-Request-Id");
  response.headers.Add("Access-Control-Max-Age", "600");
  return response;
}

}  // namespace afluente::api
