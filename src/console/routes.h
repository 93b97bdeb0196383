#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "console/console.h"
#include "host/worker_pool.h"
#include "http/router.h"

namespace afluente::console {

// Adds routes that answer JSON from a worker. Who may use them is the door's to say: reading is a
// viewer's, everything else as RoleOfRequest has it.
class Routes {
 public:
  using Read = std::function<absl::StatusOr<std::string>(const http::Request&)>;
  using Change =
      std::function<absl::StatusOr<std::string>(const http::Request&, const nlohmann::json&)>;

  Routes(http::Router& router, const ConsolePorts& ports) : router_(router), ports_(ports) {}
  void Get(const std::string& path, Read work);
  // The body is a JSON object.
  void Post(const std::string& path, Change work);
  const ConsolePorts& ports() const { return ports_; }

 private:
  http::Router& router_;
  const ConsolePorts& ports_;
};

// A query's parameter, or nullopt.
std::optional<std::string> QueryValue(const http::Request& request, std::string_view name);
// A string field of a body. INVALID_ARGUMENT names one that is missing or of another type.
absl::StatusOr<std::string> StringField(const nlohmann::json& body, const char* name);
// With bytes that are not UTF-8 as U+FFFD.
std::string Dump(const nlohmann::json& json);

// Stands before every request of the admin door that changes something: its body is JSON or
// NDJSON (types that no page may send elsewhere unasked) and its Origin, where there is one, this
// very door (other pages of this machine are refused too).
absl::Status CheckChange(const http::Request& request);

}  // namespace afluente::console
