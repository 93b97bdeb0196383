#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "http/message.h"
#include "http/server.h"

namespace afluente::http {

// HTTP status of a canonical code: the one table for all doors.
int StatusToHttp(absl::StatusCode code);

// An `application/problem+json` answer (RFC 9457).
Response Problem(int status, std::string_view title, std::string_view detail);
Response Problem(const absl::Status& status);
// A refusal in `form`, which may be null for a problem.
Response Refusal(RefusalForm form, int status, std::string_view detail);

}  // namespace afluente::http
