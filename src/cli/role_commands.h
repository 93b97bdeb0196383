#pragma once

#include <CLI/CLI.hpp>
#include <functional>

#include "roles/api.h"
#include "roles/proxy.h"

namespace afluente::cli {

// Lets an option be given in the environment too.
using Environment = std::function<void(CLI::Option*)>;

// The options of the roles that run alone.
void AddApiOptions(CLI::App& api, roles::ApiRoleOptions& options, const Environment& environment);
void AddProxyOptions(CLI::App& proxy, roles::ProxyRoleOptions& options,
                     const Environment& environment);

}  // namespace afluente::cli
