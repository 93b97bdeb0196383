#pragma once

#include <string>
#include <string_view>

#include "http/message.h"

namespace afluente::http {

// The fields that a proxy passes on (RFC 9110, 7.6.1): without those of the connection alone,
// whatever Connection lists, and what frames the body. Applied to what came from outside, before
// the proxy adds fields of its own, so that no list can take those away.
Headers WithoutHopByHop(const Headers& headers);

// The request asks to go on as a WebSocket (RFC 6455, 4.1).
bool IsWebSocketUpgrade(const Request& request);

// "name: value" lines; CR, LF and NUL in them become spaces.
void AppendFields(std::string& out, const Headers& headers);

}  // namespace afluente::http
