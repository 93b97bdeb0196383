#pragma once

#include <string>
#include <string_view>

#include "http/server.h"

namespace afluente::api {

// A caller's own id is kept when it is 1 to 128 letters, digits, '-', '_' and '.'.
bool IsRequestId(std::string_view text);

// The form of the server's own refusals: a problem with a new X-Request-Id.
http::Response RefusalWithRequestId(int status, std::string_view detail);

// Gives each request an X-Request-Id, the caller's, its trace's or a new one, and returns it with
// the answer.
http::Handler WithRequestId(http::Handler handler);

}  // namespace afluente::api
