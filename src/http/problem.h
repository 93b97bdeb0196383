#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "http/message.h"

namespace afluente::http {

// HTTP status of a canonical code: the one table for all doors.
int StatusToHttp(absl::StatusCode code);

// An `application/problem+json` answer (RFC 9457).
Response Problem(int status, std::string_view title, std::string_view detail);
Response Problem(const absl::Status& status);

}  // namespace afluente::http
