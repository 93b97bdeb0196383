#include "cli/role_commands.h"

#include "cli/environment_option.h"

namespace afluente::cli {

void AddPubsub(CLI::App* command, roles::GoogleOptions& google) {
  WithEnvironment(command->add_option(
      "--pubsub-endpoint", google.pubsub,
      "HOST:PORT of Pub/Sub (default PUBSUB_EMULATOR_HOST's, or Google's); others than Google's "
      "are asked in the clear"));
}

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
  WithEnvironment(
      function->add_option("--listen", options.listen,
                           "HOST:PORT (default 127.0.0.1:$PORT; all addresses on Cloud Run)"));
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
  WithEnvironment(function->add_flag("--pull", options.pull,
                                     "pull from a subscription instead of being pushed to"));
  WithEnvironment(function->add_option("--subscription", options.subscription,
                                       "what --pull reads (default FUNCTION-function)"));
  AddPubsub(function, options.google);
  function->callback([&options, &run] { run = [&options] { return RunFunction(options); }; });
}

void AddApi(CLI::App& app, roles::ApiRoleOptions& options, std::function<int()>& run) {
  CLI::App* api = app.add_subcommand("api", "run the API alone");
  api->add_option("spec", options.spec_file, "specification")->capture_default_str();
  WithEnvironment(api->add_option("--data-dir", options.data_dir, "where all data lives"));
  WithEnvironment(
      api->add_option("--api-listen", options.listen,
                      "HOST:PORT (default 127.0.0.1:$PORT; all addresses on Cloud Run)"));
  WithEnvironment(api->add_option("--warehouse", options.warehouse, "embedded or bigquery")
                      ->capture_default_str());
  AddGoogle(api, options.google);
  WithEnvironment(api->add_option("--secret-file", options.secret_file,
                                  "signs cursors; the same for all instances behind one address"));
  api->callback([&options, &run] { run = [&options] { return RunApi(options); }; });
}

void AddIngest(CLI::App& app, roles::IngestOptions& options, std::function<int()>& run) {
  CLI::App* ingest = app.add_subcommand("ingest", "take messages over HTTP and MQTT for Pub/Sub");
  ingest->add_option("spec", options.spec_file, "specification")->capture_default_str();
  WithEnvironment(
      ingest->add_option("--ingest-listen", options.listen,
                         "HOST:PORT (default 127.0.0.1:$PORT; all addresses on Cloud Run)"));
  WithEnvironment(ingest->add_option("--mqtt-listen", options.mqtt_listen, "HOST:PORT of MQTT"));
  WithEnvironment(
      ingest->add_option("--mqtts-listen", options.mqtts_listen, "HOST:PORT of MQTT over TLS"));
  WithEnvironment(ingest->add_option("--data-dir", options.data_dir, "where MQTT's sessions live"));
  AddPubsub(ingest, options.google);
  WithEnvironment(ingest->add_flag("--verified-by-cloud-run", options.verified_by_cloud_run,
                                   "Cloud Run asks who calls"));
  ingest->callback([&options, &run] { run = [&options] { return RunIngest(options); }; });
}

void AddProxy(CLI::App& app, roles::ProxyRoleOptions& options, std::function<int()>& run) {
  CLI::App* proxy = app.add_subcommand("proxy", "run the identity-aware proxy alone");
  proxy->add_option("spec", options.spec_file, "specification")->capture_default_str();
  WithEnvironment(proxy->add_option("--upstream", options.upstream, "URL of the API behind it"));
  WithEnvironment(proxy->add_option("--data-dir", options.data_dir, "where its keys live"));
  WithEnvironment(
      proxy->add_option("--proxy-listen", options.listen,
                        "HOST:PORT (default 127.0.0.1:$PORT; all addresses on Cloud Run)"));
  proxy->callback([&options, &run] { run = [&options] { return RunProxy(options); }; });
}

}  // namespace

void AddRoleCommands(CLI::App& app, RoleOptions& options, std::function<int()>& run) {
  AddApi(app, options.api, run);
  AddFunction(app, options.function, run);
  AddIngest(app, options.ingest, run);
  AddProxy(app, options.proxy, run);
}

}  // namespace afluente::cli
