#pragma once

#include <string>

namespace afluente::roles {

// Where the doors listen: HOST:PORT, port 0 is chosen by the kernel. An empty address keeps a door
// shut.
struct Doors {
  std::string api = "127.0.0.1:8000";
  std::string pubsub = "127.0.0.1:8085";
  std::string admin = "127.0.0.1:9000";
  std::string ingest = "127.0.0.1:8090";
  std::string mqtt = "127.0.0.1:1883";   // only with `sources.mqtt:`
  std::string mqtts = "127.0.0.1:8883";  // likewise, and its `tls:`
  std::string proxy = "127.0.0.1:8080";  // only with `access:` and no outside assertion
  std::string bigquery = "127.0.0.1:9050";
  std::string bigquery_storage = "127.0.0.1:9060";
};

struct UpOptions {
  std::string spec_file = "afluente.yaml";
  std::string data_dir = ".afluente";
  std::string ready_file;  // written beside <data_dir>/ready.json; empty = none
  Doors doors;
  // Lets the admin door set the clock forward and inject faults.
  bool testing = false;
};

// Runs the whole pipeline until SIGTERM or SIGINT: exit code 0 after a clean stop, 1 when it cannot
// go on, 2 when the specification or the options are wrong.
int RunUp(const UpOptions& options);

}  // namespace afluente::roles
