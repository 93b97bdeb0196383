#include "warehouse/jobs/job.h"

#include <array>

#include "warehouse/jobs/json_fields.h"

namespace afluente::warehouse::jobs {
namespace {

constexpr std::array<std::string_view, 3> kStates = {"PENDING", "RUNNING", "DONE"};
constexpr int kDepthMax = 200;

json ToJson(const JobError& error) {
  return {{"reason", error.reason}, {"message", error.message}, {"location", error.location}};
}

JobError ErrorFromJson(const json& in) {
  return {TextOf(in, "reason"), TextOf(in, "message"), TextOf(in, "location")};
}

std::string_view ReasonOf(absl::StatusCode code, bool of_statement) {
  switch (code) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kOutOfRange:
      return of_statement ? "invalidQuery" : "invalid";
    case absl::StatusCode::kNotFound:
      return "notFound";
    case absl::StatusCode::kAlreadyExists:
      return "duplicate";
    case absl::StatusCode::kPermissionDenied:
      return "accessDenied";
    case absl::StatusCode::kUnauthenticated:
      return "required";
    case absl::StatusCode::kUnimplemented:
      return "notImplemented";
    case absl::StatusCode::kDeadlineExceeded:
      return "timeout";
    case absl::StatusCode::kCancelled:
      return "stopped";
    case absl::StatusCode::kResourceExhausted:
      return "resourcesExceeded";
    case absl::StatusCode::kFailedPrecondition:
      return "invalid";
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kUnavailable:
      return "backendError";
    default:
      return "internalError";
  }
}

}  // namespace

json ParseJson(std::string_view text) {
  int depth = 0;
  bool quoted = false;
  // The parser is recursive where the value is destroyed: a text this deep is nobody's.
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\') ++i;
      if (c == '"') quoted = false;
      continue;
    }
    quoted = c == '"';
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') --depth;
    if (depth > kDepthMax) return json(json::value_t::discarded);
  }
  return json::parse(text, nullptr, /*allow_exceptions=*/false);
}

std::string JobToJson(const Job& job) {
  json out = {{"project", job.project},
              {"location", job.location},
              {"id", job.id},
              {"user", job.user_email},
              {"kind", job.kind},
              {"configuration", job.configuration},
              {"statistics", job.statistics},
              {"state", kStates[static_cast<size_t>(job.state)]},
              {"created", job.created_ms},
              {"started", job.started_ms},
              {"ended", job.ended_ms},
              {"result", job.result_table},
              {"bytes", job.bytes_processed}};
  if (job.affected_rows) out["affected"] = *job.affected_rows;
  if (job.error) out["error"] = ToJson(*job.error);
  for (const JobError& error : job.errors) out["errors"].push_back(ToJson(error));
  return Dump(out);
}

absl::Status JobFromJson(std::string_view text, Job& job) {
  const json in = ParseJson(text);
  if (!in.is_object() || TextOf(in, "id").empty()) return absl::DataLossError("a record of no job");
  job.project = TextOf(in, "project");
  job.location = TextOf(in, "location");
  job.id = TextOf(in, "id");
  job.user_email = TextOf(in, "user");
  job.kind = TextOf(in, "kind");
  job.configuration = TextOf(in, "configuration");
  job.statistics = TextOf(in, "statistics");
  for (size_t i = 0; i < kStates.size(); ++i) {
    if (kStates[i] == TextOf(in, "state")) job.state = static_cast<JobState>(i);
  }
  job.created_ms = IntOf(in, "created").value_or(0);
  job.started_ms = IntOf(in, "started").value_or(0);
  job.ended_ms = IntOf(in, "ended").value_or(0);
  job.result_table = TextOf(in, "result");
  job.affected_rows = IntOf(in, "affected");
  job.bytes_processed = IntOf(in, "bytes").value_or(0);
  if (const json* error = Member(in, "error")) job.error = ErrorFromJson(*error);
  if (const json* errors = Member(in, "errors"); errors != nullptr && errors->is_array()) {
    for (const json& error : *errors) job.errors.push_back(ErrorFromJson(error));
  }
  return absl::OkStatus();
}

JobError ToJobError(const absl::Status& status, bool of_statement) {
  JobError error{std::string(ReasonOf(status.code(), of_statement)), std::string(status.message()),
                 ""};
  if (error.reason == "invalidQuery") error.location = "query";
  return error;
}

int HttpStatusOf(std::string_view reason) {
  static constexpr std::pair<std::string_view, int> kCodes[] = {
      {"invalid", 400},           {"invalidQuery", 400},      {"notFound", 404},
      {"duplicate", 409},         {"accessDenied", 403},      {"required", 401},
      {"authError", 401},         {"notImplemented", 501},    {"timeout", 400},
      {"stopped", 499},           {"resourcesExceeded", 400}, {"rateLimitExceeded", 403},
      {"quotaExceeded", 403},     {"responseTooLarge", 403},  {"resourceInUse", 400},
      {"conditionNotMet", 412},   {"backendError", 503},      {"internalError", 500},
      {"invalidParameter", 400},  {"parseError", 400},        {"bytesBilledLimitExceeded", 400},
      {"uploadTooLarge", 413},    {"methodNotAllowed", 405},  {"tooManyRequests", 429},
      {"jobAlreadyFinished", 400}};
  for (const auto& [name, code] : kCodes) {
    if (name == reason) return code;
  }
  return 500;
}

}  // namespace afluente::warehouse::jobs
