#include "cli/command_line.h"

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <functional>
#include <string>

#include "cli/commands.h"
#include "cli/doctor_cloud.h"
#include "cli/environment_option.h"
#include "cli/function_commands.h"
#include "cli/migrate_command.h"
#include "cli/role_commands.h"
#include "telemetry/log.h"

namespace afluente::cli {
namespace {

struct Parsed {
  roles::UpOptions up;
  RoleOptions roles;
  MigrateOptions migrate;
  InstanceLocation location;
  PublishOptions publish;
  PullOptions pull;
  PeekOptions peek;
  PeekOptions tail;
  std::string advance;
  std::string fault_name;
  std::string fault;
  QueryOptions query;
  std::string backup_directory;
  std::string init_directory = ".";
  std::string spec_file = "afluente.yaml";
  std::string token_user;
  std::string token_audience;
  std::string key_name = "app";
  int drain_seconds = 60;
  bool ephemeral_ports = false;
  bool json = false;
  bool schema = false;
  bool limits = false;
  bool once = false;
  std::string target = "local";
  CloudPatient cloud;
  bool of_role = false;
  std::function<int()> run;
};

void AddLocation(CLI::App* command, Parsed& parsed) {
  WithEnvironment(command->add_option("--data-dir", parsed.location.data_dir,
                                      "data directory of the running instance"));
  WithEnvironment(command->add_option("--ready-file", parsed.location.ready_file,
                                      "ready file of the running instance"));
}

void AddUp(CLI::App& app, Parsed& parsed) {
  CLI::App* up = app.add_subcommand("up", "run the whole pipeline in one process");
  up->add_option("spec", parsed.up.spec_file, "specification")->capture_default_str();
  WithEnvironment(up->add_option("--data-dir", parsed.up.data_dir, "where all data lives")
                      ->capture_default_str());
  WithEnvironment(up->add_option("--ready-file", parsed.up.ready_file,
                                 "write the doors' addresses here once ready"));
  WithEnvironment(up->add_option("--api-listen", parsed.up.doors.api, "HOST:PORT of the API")
                      ->capture_default_str());
  WithEnvironment(up->add_option("--pubsub-listen", parsed.up.doors.pubsub,
                                 "HOST:PORT of Pub/Sub, gRPC and REST")
                      ->capture_default_str());
  WithEnvironment(up->add_option("--admin-listen", parsed.up.doors.admin,
                                 "HOST:PORT of metrics, health and client commands")
                      ->capture_default_str());
  WithEnvironment(
      up->add_option("--ingest-listen", parsed.up.doors.ingest, "HOST:PORT of POST /ingest/{topic}")
          ->capture_default_str());
  WithEnvironment(
      up->add_option("--mqtt-listen", parsed.up.doors.mqtt, "HOST:PORT of MQTT, with sources.mqtt:")
          ->capture_default_str());
  WithEnvironment(up->add_option("--mqtts-listen", parsed.up.doors.mqtts,
                                 "HOST:PORT of MQTT over TLS, with sources.mqtt.tls:")
                      ->capture_default_str());
  WithEnvironment(up->add_option("--bigquery-storage-listen", parsed.up.doors.bigquery_storage,
                                 "HOST:PORT of BigQuery's Storage APIs, gRPC")
                      ->capture_default_str());
  WithEnvironment(up->add_option("--proxy-listen", parsed.up.doors.proxy,
                                 "HOST:PORT of the identity-aware proxy, with access:")
                      ->capture_default_str());
  WithEnvironment(up->add_option("--bigquery-listen", parsed.up.doors.bigquery,
                                 "HOST:PORT of BigQuery's REST API")
                      ->capture_default_str());
  WithEnvironment(up->add_flag("--ephemeral-ports", parsed.ephemeral_ports,
                               "let the kernel choose every port"));
  WithEnvironment(up->add_flag("--testing", parsed.up.testing,
                               "let tests set the clock and inject faults (admin door)"));
  up->callback([&parsed] {
    parsed.run = [&parsed] {
      if (parsed.ephemeral_ports) {
        roles::Doors& doors = parsed.up.doors;
        for (std::string* door :
             {&doors.api, &doors.pubsub, &doors.admin, &doors.bigquery, &doors.bigquery_storage,
              &doors.ingest, &doors.mqtt, &doors.mqtts, &doors.proxy}) {
          if (!door->empty()) *door = door->substr(0, door->rfind(':')) + ":0";
        }
      }
      return roles::RunUp(parsed.up);
    };
  });
}

void AddSpecCommands(CLI::App& app, Parsed& parsed) {
  CLI::App* validate = app.add_subcommand("validate", "check a specification");
  validate->add_option("spec", parsed.spec_file, "specification")->capture_default_str();
  validate->add_flag("--schema", parsed.schema, "print the JSON Schema of a specification");
  validate->add_flag("--limits", parsed.limits, "print the limits in force");
  validate->add_flag("--json", parsed.json, "for programs");
  validate->callback([&parsed] {
    parsed.run = [&parsed] {
      if (parsed.schema) return RunValidateSchema();
      return RunValidate(parsed.spec_file, parsed.limits, parsed.json);
    };
  });
  CLI::App* init = app.add_subcommand("init", "write a small working pipeline");
  init->add_option("directory", parsed.init_directory, "where to")->capture_default_str();
  init->callback([&parsed] { parsed.run = [&parsed] { return RunInit(parsed.init_directory); }; });
  CLI::App* version = app.add_subcommand("version", "print the version");
  version->add_flag("--json", parsed.json, "for programs");
  version->callback([&parsed] { parsed.run = [&parsed] { return RunVersion(parsed.json); }; });
}

void AddMessageCommands(CLI::App& app, Parsed& parsed) {
  CLI::App* publish = app.add_subcommand("publish", "publish lines of standard input or a file");
  publish->add_option("topic", parsed.publish.topic, "topic")->required();
  publish->add_option("--file", parsed.publish.file,
                      "CSV, NDJSON (also .gz, .zst) or Parquet file");
  publish->add_option("--skip", parsed.publish.skip, "pass over so many records of the file");
  publish->add_flag("--mqtt", parsed.publish.mqtt,
                    "over MQTT: TOPIC is an MQTT topic, {field} in it the record's field");
  publish->add_option("--attribute", parsed.publish.attributes, "KEY=VALUE on every message");
  publish->add_option("--ordering-key", parsed.publish.ordering_key, "on every message");
  publish->add_flag("--json", parsed.publish.json, "print the result for programs");
  AddLocation(publish, parsed);
  publish->callback([&parsed] {
    parsed.run = [&parsed] { return RunPublish(parsed.location, parsed.publish); };
  });
  CLI::App* pull = app.add_subcommand("pull", "print messages of a subscription");
  pull->add_option("subscription", parsed.pull.subscription, "subscription")->required();
  pull->add_option("--limit", parsed.pull.limit, "at most so many")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  pull->add_flag("--ack", parsed.pull.ack, "acknowledge what was printed");
  pull->add_flag("--json", parsed.pull.json, "one JSON object a message");
  AddLocation(pull, parsed);
  pull->callback(
      [&parsed] { parsed.run = [&parsed] { return RunPull(parsed.location, parsed.pull); }; });
}

void AddPeekOptions(CLI::App* command, PeekOptions& options, Parsed& parsed) {
  command->add_option("topic", options.topic, "topic")->required();
  command->add_option("--limit", options.limit, "at most so many")->capture_default_str();
  auto* after = command->add_option("--after", options.after, "sequence to go on after");
  command->add_option("--since", options.since, "publish time (RFC 3339)")->excludes(after);
  command->add_option("--filter", options.filter, "subscription filter over the attributes");
  AddLocation(command, parsed);
}

void AddInspectCommands(CLI::App& app, Parsed& parsed) {
  CLI::App* peek = app.add_subcommand("peek", "print messages of a topic and consume none");
  AddPeekOptions(peek, parsed.peek, parsed);
  peek->callback(
      [&parsed] { parsed.run = [&parsed] { return RunPeek(parsed.location, parsed.peek); }; });
  CLI::App* tail = app.add_subcommand("tail", "print messages of a topic as they are published");
  parsed.tail.limit = 0;
  AddPeekOptions(tail, parsed.tail, parsed);
  tail->callback(
      [&parsed] { parsed.run = [&parsed] { return RunTail(parsed.location, parsed.tail); }; });
}

void AddTestingCommands(CLI::App& app, Parsed& parsed) {
  CLI::App* testing = app.add_subcommand("testing", "of an instance that runs with --testing");
  testing->require_subcommand(1);
  CLI::App* clock = testing->add_subcommand("clock", "print the clock, or set it forward");
  clock->add_option("--advance", parsed.advance, "duration such as 1h30m or 10s");
  AddLocation(clock, parsed);
  clock->callback([&parsed] {
    parsed.run = [&parsed] { return RunTestingClock(parsed.location, parsed.advance); };
  });
  CLI::App* faults = testing->add_subcommand("faults", "list the injected faults");
  CLI::App* put = testing->add_subcommand("fault", "inject a fault");
  put->add_option("name", parsed.fault_name, "name")->required();
  put->add_option("json", parsed.fault, "{\"subscription\": ..., \"kind\": \"delay\", ...}")
      ->required();
  CLI::App* heal = testing->add_subcommand("heal", "remove a fault");
  heal->add_option("name", parsed.fault_name, "name")->required();
  const std::pair<CLI::App*, const char*> commands[] = {
      {faults, "GET"}, {put, "PUT"}, {heal, "DELETE"}};
  for (const auto& [command, method] : commands) {
    AddLocation(command, parsed);
    command->callback([&parsed, method = std::string(method)] {
      parsed.run = [&parsed, method] {
        return RunTestingFaults(parsed.location, method, parsed.fault_name, parsed.fault);
      };
    });
  }
}

void AddObservingCommands(CLI::App& app, Parsed& parsed) {
  CLI::App* doctor = app.add_subcommand("doctor", "look whether this machine can run a pipeline");
  doctor->add_option("spec", parsed.up.spec_file, "specification")->capture_default_str();
  doctor->add_option("--data-dir", parsed.up.data_dir, "where all data lives")
      ->capture_default_str();
  doctor->add_option("--api-listen", parsed.up.doors.api, "HOST:PORT of the API");
  doctor->add_option("--pubsub-listen", parsed.up.doors.pubsub, "HOST:PORT of Pub/Sub");
  doctor->add_option("--admin-listen", parsed.up.doors.admin, "HOST:PORT of the admin door");
  doctor->add_flag("--json", parsed.json, "for programs");
  doctor
      ->add_option("--target", parsed.target,
                   "local: this machine; gcp: the deployment on Google Cloud")
      ->check(CLI::IsMember({"local", "gcp"}))
      ->capture_default_str();
  doctor->add_option("--bigquery-endpoint", parsed.cloud.google.bigquery)->capture_default_str();
  AddPubsub(doctor, parsed.cloud.google);
  doctor->add_option("--resource-manager-endpoint", parsed.cloud.resource_manager)
      ->capture_default_str();
  doctor->add_option("--push-account", parsed.cloud.push_account,
                     "service account of the push subscriptions");
  doctor->callback([&parsed] {
    parsed.run = [&parsed] {
      if (parsed.target == "gcp") {
        return RunCloudDoctor(parsed.up.spec_file, parsed.cloud, parsed.json);
      }
      return RunDoctor(parsed.up, parsed.json);
    };
  });
  CLI::App* top = app.add_subcommand("top", "show the running pipeline, each second");
  top->add_flag("--once", parsed.once, "print it once");
  AddLocation(top, parsed);
  top->callback(
      [&parsed] { parsed.run = [&parsed] { return RunTop(parsed.location, parsed.once); }; });
}

void AddBackupCommands(CLI::App& app, Parsed& parsed) {
  CLI::App* backup = app.add_subcommand("backup", "copy journal and warehouse while they run");
  CLI::App* restore = app.add_subcommand("restore", "make a new data directory of a backup");
  backup->add_option("directory", parsed.backup_directory, "new directory")->required();
  restore->add_option("directory", parsed.backup_directory, "directory of the backup")->required();
  using Command = int (*)(const InstanceLocation&, const std::string&, bool);
  const std::pair<CLI::App*, Command> commands[] = {{backup, RunBackup}, {restore, RunRestore}};
  for (const auto& [command, function] : commands) {
    command->add_flag("--json", parsed.json, "for programs");
    command->add_option("--spec", parsed.location.spec_file,
                        "specification, when no instance is running (default: the last one used)");
    AddLocation(command, parsed);
    command->callback([&parsed, function = function] {
      parsed.run = [&parsed, function] {
        return function(parsed.location, parsed.backup_directory, parsed.json);
      };
    });
  }
}

void AddOperatorCommands(CLI::App& app, Parsed& parsed) {
  CLI::App* query = app.add_subcommand("query", "run a GoogleSQL statement");
  query->add_option("sql", parsed.query.sql, "statement")->required();
  query->add_option("--param", parsed.query.parameters, "NAME:TYPE:VALUE, once a parameter");
  query->add_option("--limit", parsed.query.limit, "at most so many rows");
  query->add_flag("--json", parsed.query.json, "for programs");
  query->add_option("--spec", parsed.location.spec_file,
                    "specification, when no instance is running (default: the last one used)");
  AddLocation(query, parsed);
  query->callback(
      [&parsed] { parsed.run = [&parsed] { return RunQuery(parsed.location, parsed.query); }; });

  CLI::App* check = app.add_subcommand("check", "prove that every message has one outcome");
  check->add_flag("--json", parsed.json, "for programs");
  check->add_option("--spec", parsed.location.spec_file,
                    "specification, when no instance is running (default: the last one used)");
  AddLocation(check, parsed);
  check->callback(
      [&parsed] { parsed.run = [&parsed] { return RunCheck(parsed.location, parsed.json); }; });

  CLI::App* drain = app.add_subcommand("drain", "wait until no message is pending");
  drain->add_option("--timeout", parsed.drain_seconds, "seconds")->capture_default_str();
  AddLocation(drain, parsed);
  drain->callback([&parsed] {
    parsed.run = [&parsed] { return RunDrain(parsed.location, parsed.drain_seconds); };
  });

  CLI::App* env = app.add_subcommand("env", "print the clients' environment, for eval");
  AddLocation(env, parsed);
  env->callback([&parsed] { parsed.run = [&parsed] { return RunEnv(parsed.location); }; });

  CLI::App* token = app.add_subcommand("token", "print a developer's ID token (loopback only)");
  token->add_option("--as", parsed.token_user, "email of the user")->required();
  token->add_option("--audience", parsed.token_audience, "audience (default: the proxy's)");
  AddLocation(token, parsed);
  token->callback([&parsed] {
    parsed.run = [&parsed] {
      return RunToken(parsed.location, parsed.token_user, parsed.token_audience);
    };
  });

  CLI::App* api_key = app.add_subcommand("make-api-key", "print a new key of POST /ingest");
  api_key->add_option("name", parsed.key_name, "whose it is")->capture_default_str();
  api_key->callback(
      [&parsed] { parsed.run = [&parsed] { return RunMakeApiKey(parsed.key_name); }; });
  CLI::App* hash = app.add_subcommand("hash-password", "hash a device's password (from stdin)");
  hash->callback([&parsed] { parsed.run = [] { return RunHashPassword(); }; });

  CLI::App* health = app.add_subcommand("health", "exit 0 when the instance is ready");
  AddLocation(health, parsed);
  health->add_flag("--role", parsed.of_role, "of the role that listens on $PORT");
  health->callback([&parsed] {
    parsed.run = [&parsed] {
      return parsed.of_role ? RunHealthOfRole() : RunHealth(parsed.location);
    };
  });
}

}  // namespace

int RunCommandLine(int argc, char** argv) {
  CLI::App app("Afluente: topic -> function -> warehouse -> API", "afluente");
  app.require_subcommand(1);
  // Of all commands alone the one that is given reads the environment: they share their settings,
  // and another one's variable would override this one's flag.
  app.immediate_callback();
  app.get_formatter()->column_width(36);
  bool json_logs = false;
  WithEnvironment(app.add_flag("--json-logs", json_logs, "logs as JSON lines on a terminal too"));
  Parsed parsed;
  AddUp(app, parsed);
  AddRoleCommands(app, parsed.roles, parsed.run);
  AddSpecCommands(app, parsed);
  AddMessageCommands(app, parsed);
  AddInspectCommands(app, parsed);
  AddOperatorCommands(app, parsed);
  AddBackupCommands(app, parsed);
  AddObservingCommands(app, parsed);
  AddTestingCommands(app, parsed);
  AddMigrate(app, parsed.migrate, parsed.run);
  AddFunctionCommands(app, parsed.location, parsed.run,
                      [&parsed](CLI::App* command) { AddLocation(command, parsed); });
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (json_logs) telemetry::SetJsonLogs(true);
  return parsed.run();
}

}  // namespace afluente::cli
