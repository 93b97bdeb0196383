#pragma once

#include <string>

#include "roles/google_cloud.h"

namespace afluente::roles {

struct FunctionOptions {
  std::string spec_file = "afluente.yaml";
  std::string function;  // empty: the only one of the specification
  std::string listen;    // HOST:PORT; empty: PORT's, or 127.0.0.1:8081
  GoogleOptions google;
  std::string push_audience;
  std::string push_account;
  std::string push_keys = "https://www.googleapis.com/oauth2/v3/certs";
  bool verified_by_cloud_run = false;
  bool pull = false;         // from a subscription, instead of being pushed to
  std::string subscription;  // of that; empty: NAME-function
};

// One function of the specification, to which Pub/Sub pushes or which pulls, and which stores in
// BigQuery; an acknowledgement follows the commit of the rows. Keeps nothing on the machine. Until
// SIGTERM or SIGINT: 0 after every accepted message was answered, 1 when it cannot go on, 2 for
// wrong options.
int RunFunction(const FunctionOptions& options);

}  // namespace afluente::roles
