#pragma once

#include <functional>
#include <string>

#include "roles/google_cloud.h"

namespace CLI {
class App;
}

namespace afluente::cli {

struct MigrateOptions {
  std::string spec_file = "afluente.yaml";
  std::string data_dir = ".afluente";
  roles::GoogleOptions google;
  bool messages = false;  // the retained messages too
};

// Copies the tables of a data directory, and its topics' retained messages where that is asked for,
// to the specification's deployment on Google Cloud, and goes on where an earlier call was cut:
// each row once, each message at least once. 0 when all is there.
int RunMigrate(const MigrateOptions& options);

// Adds the command; when it is given it sets `run`. Both outlive `app`.
void AddMigrate(CLI::App& app, MigrateOptions& options, std::function<int()>& run);

}  // namespace afluente::cli
