#include "http/problem.h"

#include "http/status_line.h"
#include "telemetry/json_string.h"

namespace afluente::http {

int StatusToHttp(absl::StatusCode code) {
  // The mapping that google/rpc/code.proto documents.
  switch (code) {
    case absl::StatusCode::kOk:
      return 200;
    case absl::StatusCode::kCancelled:
      return 499;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kOutOfRange:
      return 400;
    case absl::StatusCode::kUnauthenticated:
      return 401;
    case absl::StatusCode::kPermissionDenied:
      return 403;
    case absl::StatusCode::kNotFound:
      return 404;
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kAborted:
      return 409;
    case absl::StatusCode::kResourceExhausted:
      return 429;
    case absl::StatusCode::kUnimplemented:
      return 501;
    case absl::StatusCode::kUnavailable:
      return 503;
    case absl::StatusCode::kDeadlineExceeded:
      return 504;
    default:
      return 500;
  }
}

Response Problem(int status, std::string_view title, std::string_view detail) {
  std::string body = "{\"type\":\"about:blank\",\"title\":";
  telemetry::AppendJsonString(body, title);
  body += ",\"status\":" + std::to_string(status) + ",\"detail\":";
  telemetry::AppendJsonString(body, detail);
  body += "}";
  return Response::Text(status, "application/problem+json", std::move(body));
}

Response Refusal(RefusalForm form, int status, std::string_view detail) {
  return form != nullptr ? form(status, detail) : Problem(status, ReasonPhrase(status), detail);
}

Response Problem(const absl::Status& status) {
  const int code = StatusToHttp(status.code());
  return Problem(code, ReasonPhrase(code),
                 std::string_view(status.message().data(), status.message().size()));
}

}  // namespace afluente::http
