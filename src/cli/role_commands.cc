#include "cli/role_commands.h"

#include "cli/environment_option.h"

namespace afluente::cli {
namespace {

void AddGoogle(CLI::App* command, roles::GoogleOptions& google) {
  WithEnvironment(command
                      ->add_option("--bigquery-endpoint", google.bigquery,
                                   "BigQuery's REST API; http: is an emulator")
                      ->capture_default_str());
  WithEnvironment(command
                      ->add_option("--bigquery-storage-endpoint", google.bigquery_storage,
                                   "HOST:PORT of BigQuery's Storage Write API")
                      ->capture_default_str());
  WithEnvironment(command
                      ->add_option("--maximum-bytes-billed", google.maximum_bytes_billed,
                                   "of one query; 0 = as the project has it")
                      ->check(CLI::NonNegativeNumber)
                      ->capture_default_str());
}

void AddFunction(CLI::App& app, roles::FunctionOptions& options, std::function<int()>& run) {
  CLI::App* function = app.add_subcommand("function", "run a function for pushes on Google Cloud");
  function->add_option("spec", options.spec_file, "specification")->capture_default_str();
  WithEnvironment(function->add_option("--function", options.function,
                                       "which one, when the specification has several"));
  WithEnvironment(function->add_option("--listen", options.listen, "HOST:PORT; PORT wins")
                      ->capture_default_str());
  AddGoogle(function, options.google);
  WithEnvironment(function->add_option("--push-audience", options.push_audience,
                                       "audience of the subscription's tokens"));
  WithEnvironment(function->add_option("--push-account", options.push_account,
                                       "service account of the subscription's tokens"));
  WithEnvironment(
      function->add_option("--push-keys", options.push_keys, "JWK set that verifies the tokens")
          ->capture_default_str());
  WithEnvironment(function->add_flag("--verified-by-cloud-run", options.verified_by_cloud_run,
                                     "Cloud Run verifies the tokens and removes signatures"));
  function->callback([&options, &run] { run = [&options] { return RunFunction(options); }; });
}

}  // namespace

void AddRoleCommands(CLI::App& app, RoleOptions& options, std::function<int()>& run) {
  AddFunction(app, options.function, run);
}

}  // namespace afluente::cli
