#include "warehouse/wire/call.h"

#include "absl/strings/cord.h"
#include "http/content_coding.h"
#include "schema/text.h"
#include "telemetry/json_string.h"
#include "warehouse/jobs/job.h"
#include "warehouse/wire/field_mask.h"

namespace afluente::warehouse::wire {
namespace {

constexpr char kReasonUrl[] = "afluente/reason";
constexpr char kTokenStart[] = "R";

// FNV-1a, 64 bit: tags tell versions apart, nobody is kept out by them.
uint64_t HashOf(std::string_view text) {
  uint64_t hash = 14'695'981'039'346'656'037u;
  for (unsigned char c : text) hash = (hash ^ c) * 1'099'511'628'211u;
  return hash;
}

bool Names(std::string_view header, const std::string& tag) {
  return header == "*" || header.find(tag) != std::string_view::npos;
}

}  // namespace

const std::string& Call::Path(std::string_view name) const {
  static const std::string kNone;
  auto found = path.find(name);
  return found == path.end() ? kNone : found->second;
}

std::optional<std::string> Call::Query(std::string_view name) const {
  for (const auto& [key, value] : request.query) {
    if (key == name) return value;
  }
  return std::nullopt;
}

bool Call::QueryFlag(std::string_view name) const {
  // Python's client writes "True".
  return schema::EqualsIgnoreCase(Query(name).value_or(""), "true");
}

absl::StatusOr<std::optional<int64_t>> Call::QueryNumber(std::string_view name) const {
  const std::optional<std::string> text = Query(name);
  if (!text || text->empty()) return std::optional<int64_t>();
  const bool digits = text->find_first_not_of("0123456789") == std::string::npos;
  if (!digits || text->size() > 18) {
    return absl::InvalidArgumentError(
        schema::Concat("Invalid value at '", name, "': ", text->substr(0, 40)));
  }
  return std::optional<int64_t>(std::stoll(*text));
}

absl::Status WithReason(absl::Status status, std::string_view reason) {
  status.SetPayload(kReasonUrl, absl::Cord(absl::string_view(reason.data(), reason.size())));
  return status;
}

std::string ReasonOf(const absl::Status& status) {
  if (auto given = status.GetPayload(kReasonUrl)) return std::string(*given);
  const std::string reason = jobs::ToJobError(status, false).reason;
  // Of a request, not of a job that grew too large.
  return reason == "resourcesExceeded" ? "rateLimitExceeded" : reason;
}

http::Response ErrorResponse(int http_status, std::string_view reason, std::string_view message) {
  static constexpr std::pair<int, std::string_view> kStatuses[] = {
      {400, "INVALID_ARGUMENT"},   {401, "UNAUTHENTICATED"}, {403, "PERMISSION_DENIED"},
      {404, "NOT_FOUND"},          {409, "ALREADY_EXISTS"},  {412, "FAILED_PRECONDITION"},
      {429, "RESOURCE_EXHAUSTED"}, {499, "CANCELLED"},       {501, "UNIMPLEMENTED"},
      {503, "UNAVAILABLE"}};
  std::string_view name = http_status >= 500 ? "INTERNAL" : "INVALID_ARGUMENT";
  for (const auto& [code, text] : kStatuses) {
    if (code == http_status) name = text;
  }
  const json body = {
      {"error",
       {{"code", http_status},
        {"message", message},
        {"errors", json::array({{{"message", message}, {"domain", "global"}, {"reason", reason}}})},
        {"status", name}}}};
  return http::Response::Json(http_status, jobs::Dump(body));
}

http::Response ErrorResponse(const absl::Status& status) {
  const std::string reason = ReasonOf(status);
  http::Response response =
      ErrorResponse(jobs::HttpStatusOf(reason), reason, std::string(status.message()));
  if (reason == "required") response.headers.Add("WWW-Authenticate", "Bearer");
  return response;
}

http::Response ToResponse(const http::Request& request, Answer answer) {
  std::optional<std::string> fields;
  for (const auto& [key, value] : request.query) {
    if (key == "fields" && !value.empty()) fields = value;
  }
  if (answer.rows) answer.body["rows"] = 0;  // stands for them
  if (fields) {
    if (absl::Status status = SelectFields(*fields, answer.body); !status.ok()) {
      return ErrorResponse(status);
    }
  }
  const bool with_rows = answer.rows && answer.body.contains("rows");
  answer.body.erase("rows");
  const std::string* none_match = request.headers.Find("If-None-Match");
  if (!answer.etag.empty() && request.method == "GET" && none_match != nullptr &&
      Names(*none_match, answer.etag)) {
    http::Response unchanged;
    unchanged.status = 304;
    unchanged.headers.Add("ETag", answer.etag);
    return unchanged;
  }
  std::string text;
  if (answer.status != 204) text = jobs::Dump(answer.body);
  if (with_rows) {
    text.pop_back();
    if (text.size() > 1) text += ',';
    text += "\"rows\":";
    text += *answer.rows;
    text += '}';
  }
  http::Response response = http::Response::Json(answer.status, std::move(text));
  if (answer.status == 204) {
    response = http::Response();
    response.status = 204;
  }
  for (const auto& [name, value] : answer.headers.entries()) response.headers.Add(name, value);
  if (!answer.etag.empty()) response.headers.Add("ETag", answer.etag);
  if (const std::string* accept = request.headers.Find("Accept-Encoding")) {
    // Google's clients read gzip alone.
    if (http::NegotiateCoding(*accept) != http::ContentCoding::kIdentity &&
        accept->find("gzip") != std::string::npos) {
      http::EncodeBody(http::ContentCoding::kGzip, response);
    }
  }
  return response;
}

std::string TagOf(const json& resource) {
  static constexpr char kDigits[] = "0123456789abcdef";
  uint64_t hash = HashOf(jobs::Dump(resource));
  std::string tag = "\"";
  for (int i = 0; i < 16; ++i, hash >>= 4) tag += kDigits[hash & 15];
  return tag + "\"";
}

std::string PageToken(uint64_t start) { return schema::Concat(kTokenStart, start); }

absl::StatusOr<uint64_t> FromPageToken(const std::string& token) {
  const bool ours = token.size() > 1 && token.size() < 20 && token[0] == kTokenStart[0] &&
                    token.find_first_not_of("0123456789", 1) == std::string::npos;
  if (!ours) return absl::InvalidArgumentError("Invalid value for pageToken");
  return std::stoull(token.substr(1));
}

}  // namespace afluente::warehouse::wire
