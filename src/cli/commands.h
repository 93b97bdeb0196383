#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/instance.h"
#include "roles/up.h"

namespace afluente::cli {

// One function a command; each returns the exit code and prints answers to stdout, the rest to
// stderr.

int RunValidate(const std::string& spec_file, bool limits, bool json);
int RunValidateSchema();
int RunInit(const std::string& directory);
int RunVersion(bool json);

struct PublishOptions {
  std::string topic;
  std::string file;  // empty = stdin
  std::vector<std::string> attributes;
  std::string ordering_key;
  bool json = false;
};
int RunPublish(const InstanceLocation& location, const PublishOptions& options);

struct PullOptions {
  std::string subscription;
  int limit = 10;
  bool ack = false;
  bool json = false;
};
int RunPull(const InstanceLocation& location, const PullOptions& options);

struct QueryOptions {
  std::string sql;
  std::vector<std::string> parameters;  // NAME:TYPE:VALUE
  std::optional<uint64_t> limit;
  bool json = false;
};
int RunQuery(const InstanceLocation& location, const QueryOptions& options);

int RunCheck(const InstanceLocation& location, bool json);
int RunDrain(const InstanceLocation& location, int timeout_seconds);
int RunEnv(const InstanceLocation& location);
// Prints an ID token of the developer issuer for `user`; an empty audience is the proxy's.
int RunToken(const InstanceLocation& location, const std::string& user,
             const std::string& audience);
int RunHealth(const InstanceLocation& location);

}  // namespace afluente::cli
