// The roles that run alone: afluente api, afluente proxy.

#include "cli/role_commands.h"

#include <string>

#include "roles/api.h"
#include "roles/proxy.h"

namespace afluente::cli {

void AddApiOptions(CLI::App& api, roles::ApiRoleOptions& options, const Environment& environment) {
  api.add_option("spec", options.spec_file, "specification")->capture_default_str();
  environment(api.add_option("--data-dir", options.data_dir, "where all data lives"));
  environment(api.add_option("--api-listen", options.listen,
                             "HOST:PORT (default 127.0.0.1:$PORT; all addresses on Cloud Run)"));
  environment(api.add_option("--warehouse", options.warehouse, "embedded or bigquery")
                  ->capture_default_str());
  environment(api.add_option("--secret-file", options.secret_file,
                             "signs cursors; the same for all instances behind one address"));
}

void AddProxyOptions(CLI::App& proxy, roles::ProxyRoleOptions& options,
                     const Environment& environment) {
  proxy.add_option("spec", options.spec_file, "specification")->capture_default_str();
  environment(proxy.add_option("--upstream", options.upstream, "URL of the API behind it"));
  environment(proxy.add_option("--data-dir", options.data_dir, "where its keys live"));
  environment(proxy.add_option("--proxy-listen", options.listen,
                               "HOST:PORT (default 127.0.0.1:$PORT; all addresses on Cloud Run)"));
}

}  // namespace afluente::cli
