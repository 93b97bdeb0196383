#pragma once

#include <string>

#include "absl/status/status.h"
#include "roles/up.h"

namespace afluente::roles {

// The doors that are open, as HOST:PORT with the bound ports.
struct ReadyDoors {
  std::string project;
  std::string api;
  std::string pubsub;
  std::string admin;
  std::string ingest;
  std::string mqtt;   // empty: not open
  std::string mqtts;  // likewise
  std::string proxy;  // empty: not open
  std::string bigquery;
  std::string bigquery_storage;
  bool tls = false;  // on every door
};

// "afluente ready" and the doors, on one line.
std::string ReadyLine(const ReadyDoors& doors);

// Writes <data_dir>/ready.json and the file that the options name, each atomically.
absl::Status WriteReadyFiles(const UpOptions& options, const ReadyDoors& doors);
void RemoveReadyFiles(const UpOptions& options);

// Keeps the specification's place in the data directory, for commands that open it when nothing
// runs.
absl::Status RememberSpec(const UpOptions& options);
// The remembered place, or empty.
std::string RememberedSpec(const std::string& data_dir);

}  // namespace afluente::roles
