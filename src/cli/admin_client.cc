#include "cli/admin_client.h"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "host/check.h"
#include "http/client.h"

namespace afluente::cli {

absl::Status ProblemOf(const http::Response& response) {
  if (response.status == 200) return absl::OkStatus();
  const auto json = nlohmann::json::parse(response.body, nullptr, /*allow_exceptions=*/false);
  const std::string detail =
      json.is_object() && json.contains("detail") && json["detail"].is_string()
          ? json["detail"].get<std::string>()
          : "HTTP " + std::to_string(response.status);
  if (response.status == 400) return absl::InvalidArgumentError(detail);
  return absl::UnavailableError(detail);
}

absl::StatusOr<nlohmann::json> AskAdmin(const Instance& instance, const std::string& method,
                                        const std::string& path, const std::string& body,
                                        const std::string& content_type,
                                        std::chrono::minutes timeout) {
  http::Headers headers;
  if (!body.empty()) headers.Add("Content-Type", content_type);
  if (!instance.token.empty()) headers.Add("Authorization", "Bearer " + instance.token);
  AFLUENTE_ASSIGN_OR_RETURN(const http::Response response,
                            http::Fetch(method, instance.admin + path, body, headers, timeout));
  AFLUENTE_RETURN_IF_ERROR(ProblemOf(response));
  auto json = nlohmann::json::parse(response.body, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return absl::UnavailableError("the instance's answer is no JSON");
  return json;
}

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "afluente: %s\n", std::string(status.message()).c_str());
  return status.code() == absl::StatusCode::kInvalidArgument ? 2 : 1;
}

}  // namespace afluente::cli
