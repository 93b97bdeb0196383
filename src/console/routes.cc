#include "console/routes.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "console/worker_answer.h"
#include "host/check.h"

namespace afluente::console {

void Routes::Get(const std::string& path, Read work) {
  const auto handler = [&ports = ports_, work = std::move(work)](
                           http::Request request, http::PathParameters, http::Responder respond) {
    AnswerFromWorker(ports.workers, std::move(respond),
                     [work, request = std::move(request)] { return work(request); });
  };
  AFLUENTE_CHECK(router_.Add("GET", path, handler).ok());
}

void Routes::Post(const std::string& path, Change work) {
  const auto handler = [&ports = ports_, work = std::move(work)](
                           http::Request request, http::PathParameters, http::Responder respond) {
    AnswerFromWorker(ports.workers, std::move(respond),
                     [work, request = std::move(request)]() -> absl::StatusOr<std::string> {
                       const auto body = nlohmann::json::parse(request.body, nullptr, false);
                       if (!body.is_object())
                         return absl::InvalidArgumentError("$: expected a JSON object");
                       return work(request, body);
                     });
  };
  AFLUENTE_CHECK(router_.Add("POST", path, handler).ok());
}

std::optional<std::string> QueryValue(const http::Request& request, std::string_view name) {
  for (const auto& [key, value] : request.query) {
    if (key == name) return value;
  }
  return std::nullopt;
}

absl::StatusOr<std::string> StringField(const nlohmann::json& body, const char* name) {
  if (!body.contains(name) || !body[name].is_string())
    return absl::InvalidArgumentError(absl::StrCat("$.", name, ": expected a string"));
  return body[name].get<std::string>();
}

std::string Dump(const nlohmann::json& json) {
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

absl::Status CheckChange(const http::Request& request) {
  if (request.method == "GET" || request.method == "HEAD") return absl::OkStatus();
  const std::string* host = request.headers.Find("Host");
  const std::string* origin = request.headers.Find("Origin");
  if (origin != nullptr) {
    const bool own = host != nullptr && (absl::EqualsIgnoreCase(*origin, "http://" + *host) ||
                                         absl::EqualsIgnoreCase(*origin, "https://" + *host));
    if (!own) return absl::PermissionDeniedError("changes are taken from this door's own pages");
  }
  if (request.body.empty()) return absl::OkStatus();
  const std::string* type = request.headers.Find("Content-Type");
  const std::string lower = type == nullptr ? "" : absl::AsciiStrToLower(*type);
  if (!absl::StartsWith(lower, "application/json") &&
      !absl::StartsWith(lower, "application/x-ndjson"))
    return absl::InvalidArgumentError("the body must be application/json or application/x-ndjson");
  return absl::OkStatus();
}

}  // namespace afluente::console
