#pragma once

#include <string>

#include "roles/google_cloud.h"

namespace afluente::roles {

struct IngestOptions {
  std::string spec_file = "afluente.yaml";
  std::string listen;  // HOST:PORT of HTTP; empty: PORT's, or 127.0.0.1:8090
  std::string mqtt_listen;
  std::string mqtts_listen;
  std::string data_dir = ".afluente";  // MQTT's sessions; unused without MQTT
  GoogleOptions google;
  // Cloud Run's IAM has asked who calls, so that no API key is needed beyond loopback.
  bool verified_by_cloud_run = false;
};

// POST /ingest/{topic} and MQTT in, Pub/Sub out: a message is acknowledged when Pub/Sub has it.
// Until SIGTERM or SIGINT: 0 after what was accepted is answered, 1 when it cannot go on, 2 for
// wrong options.
int RunIngest(const IngestOptions& options);

}  // namespace afluente::roles
