#pragma once

#include "http/message.h"

namespace afluente::http {

// A browser's question whether a page of another origin may send a request (Fetch standard,
// 3.3.2: CORS-preflight).
inline bool IsPreflight(const Request& request) {
  return request.method == "OPTIONS" && request.headers.Find("Origin") != nullptr &&
         request.headers.Find("Access-Control-Request-Method") != nullptr;
}

}  // namespace afluente::http
