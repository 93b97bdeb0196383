#pragma once

#include <chrono>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "absl/status/statusor.h"
#include "cli/instance.h"
#include "http/message.h"

namespace afluente::cli {

// Asks a running instance's admin door. The error is the door's own detail, ready to print.
absl::StatusOr<nlohmann::json> AskAdmin(const Instance& instance, const std::string& method,
                                        const std::string& path, const std::string& body = "",
                                        const std::string& content_type = "application/json",
                                        std::chrono::minutes timeout = std::chrono::minutes(10));

// OK for an answer with status 200, else its detail.
absl::Status ProblemOf(const http::Response& response);

// Prints "afluente: <message>" and returns the exit code: 2 for wrong input, else 1.
int Fail(const absl::Status& status);

}  // namespace afluente::cli
