#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace afluente::cli {

// Where a client command looks for a running instance.
struct InstanceLocation {
  std::string data_dir = ".afluente";
  std::string ready_file;  // empty = <data_dir>/ready.json
  std::string spec_file;   // for commands that open the data directory themselves
};

// A running instance's doors, as its ready file lists them. A door that is not open is empty.
struct Instance {
  int pid = 0;
  std::string project;
  std::string api;
  std::string admin;
  std::string pubsub;
  std::string proxy;
  std::string bigquery;
  bool tls = false;
  std::string token;  // AFLUENTE_TOKEN: who asks, where a door left loopback
  std::string mqtt;
};

// NOT_FOUND, saying how to start one, when none is running there.
absl::StatusOr<Instance> FindInstance(const InstanceLocation& location);

// "Data" or "topics/Data" -> "projects/<project>/topics/Data"; full names pass. `kind` is topics or
// subscriptions.
std::string FullName(const std::string& name, const std::string& kind, const std::string& project);

}  // namespace afluente::cli
