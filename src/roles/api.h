#pragma once

#include <string>

#include "roles/google_cloud.h"

namespace afluente::roles {

struct ApiRoleOptions {
  std::string spec_file = "afluente.yaml";
  std::string data_dir = ".afluente";
  std::string listen;                  // HOST:PORT; empty: PORT's, or 127.0.0.1:8000
  std::string warehouse = "embedded";  // or "bigquery"
  GoogleOptions google;
  // Signs cursors and tags: the same for all instances behind one address. Empty: in the data
  // directory, or over BigQuery a new one in each instance.
  std::string secret_file;
};

// Runs the API alone until SIGTERM or SIGINT, over a data directory that no `up` holds or over a
// remote warehouse. Exit codes as RunUp's.
int RunApi(const ApiRoleOptions& options);

}  // namespace afluente::roles
