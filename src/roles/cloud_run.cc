#include "roles/cloud_run.h"

#include <cstdio>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "http/trace.h"
#include "telemetry/log.h"

namespace afluente::roles {
namespace {

std::string Environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

std::string MainDoor(const std::string& flag, int default_port) {
  if (!flag.empty()) return flag;
  const std::string port = Environment("PORT");
  return absl::StrCat(Environment("K_SERVICE").empty() ? "127.0.0.1" : "0.0.0.0", ":",
                      port.empty() ? std::to_string(default_port) : port);
}

void LogForCloudRun(const std::string& project) {
  if (Environment("K_SERVICE").empty()) return;
  telemetry::SetJsonLogs(true);
  const std::string named = Environment("GOOGLE_CLOUD_PROJECT");
  http::NameTraces(named.empty() ? project : named);
}

int FailRole(const absl::Status& status) {
  std::fprintf(stderr, "afluente: %s\n", std::string(status.message()).c_str());
  const bool wrong_input =
      absl::IsInvalidArgument(status) || absl::IsUnimplemented(status) || absl::IsNotFound(status);
  return wrong_input ? 2 : 1;
}

}  // namespace afluente::roles
