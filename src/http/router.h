#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "http/message.h"
#include "http/path_parameters.h"
#include "http/server.h"

namespace afluente::http {

using RouteHandler = std::function<void(Request, PathParameters, Responder)>;

// Routes by method and path pattern: "/app_info/{app_id}:{app_department}" (a {name} is one segment
// or a part of one, never empty; literal text binds tighter; "{name=**}" takes the rest). Matches
// the encoded path, then decodes each value once; an encoded slash stays inside a value. 404 and
// 405 (with Allow) are answered here as problem+json. Built once, then immutable.
class Router {
 public:
  // INVALID_ARGUMENT for a malformed pattern or one that an earlier pattern shadows entirely.
  absl::Status Add(std::string method, std::string pattern, RouteHandler handler);
  // Called with the status of each answer that the router gives itself; for counting.
  void OnRefusal(std::function<void(int status)> count) { count_refusal_ = std::move(count); }
  void Handle(Request request, Responder responder) const;
  // The pattern of the route that would handle it; "" when there is none.
  std::string PatternOf(const Request& request) const;

 private:
  void Refuse(Response response, Responder& responder) const;

  struct Route;
  std::vector<std::shared_ptr<const Route>> routes_;  // shared: copies of a router share its routes
  std::function<void(int)> count_refusal_;
};

}  // namespace afluente::http
