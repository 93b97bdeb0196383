#pragma once

#include <functional>

#include "roles/api.h"
#include "roles/function_role.h"
#include "roles/ingest_role.h"
#include "roles/proxy.h"

namespace CLI {
class App;
}

namespace afluente::cli {

// What the commands that run one role of the pipeline were given.
struct RoleOptions {
  roles::ApiRoleOptions api;
  roles::FunctionOptions function;
  roles::IngestOptions ingest;
  roles::ProxyRoleOptions proxy;
};

// Where Pub/Sub is.
void AddPubsub(CLI::App* command, roles::GoogleOptions& google);

// Adds the commands; the one that is given sets `run`. Both outlive `app`.
void AddRoleCommands(CLI::App& app, RoleOptions& options, std::function<int()>& run);

}  // namespace afluente::cli
