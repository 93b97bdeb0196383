#pragma once

#include <string>
#include <string_view>

#include "http/server.h"

namespace afluente::api {

// A caller's own id is kept when it is 1 to 128 letters, digits, '-', '_' and '.'.
bool IsRequestId(std::string_view text);

// Gives an answer a new X-Request-Id.
void AddRequestId(http::Response& response);

// Gives each request an X-Request-Id, the caller's or a new one, and returns it with the answer.
http::Handler WithRequestId(http::Handler handler);

}  // namespace afluente::api
