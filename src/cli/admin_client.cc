#include "cli/admin_client.h"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "host/check.h"
#include "http/client.h"

namespace afluente::cli {

absl::StatusOr<nlohmann::json> AskAdmin(const Instance& instance, const std::string& method,
                                        const std::string& path, const std::string& body) {
  http::Headers headers;
  if (!body.empty()) headers.Add("Content-Type", "application/json");
  AFLUENTE_ASSIGN_OR_RETURN(
      const http::Response response,
      http::Fetch(method, instance.admin + path, body, headers, std::chrono::minutes(10)));
  auto json = nlohmann::json::parse(response.body, nullptr, /*allow_exceptions=*/false);
  if (response.status == 200 && !json.is_discarded()) return json;
  const std::string detail =
      json.is_object() && json.contains("detail") && json["detail"].is_string()
          ? json["detail"].get<std::string>()
          : "HTTP " + std::to_string(response.status);
  if (response.status == 400) return absl::InvalidArgumentError(detail);
  return absl::UnavailableError(detail);
}

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "afluente: %s\n", std::string(status.message()).c_str());
  return status.code() == absl::StatusCode::kInvalidArgument ? 2 : 1;
}

}  // namespace afluente::cli
