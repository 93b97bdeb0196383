#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace afluente::host {
class Clock;
}
namespace afluente::http {
class ConnectionPool;
}
namespace afluente::spec {
struct Spec;
}
namespace afluente::warehouse {
class Catalog;
class Warehouse;
}  // namespace afluente::warehouse

namespace afluente::roles {

// Where Google's services are. An http: URL is an emulator: it is asked in the clear and without
// credentials.
struct GoogleOptions {
  std::string bigquery = "https://bigquery.googleapis.com";
  std::string bigquery_storage = "bigquerystorage.googleapis.com:443";
  std::string pubsub;                // HOST:PORT; empty: PUBSUB_EMULATOR_HOST's, or Google's
  int64_t maximum_bytes_billed = 0;  // of one query; 0 = as the project has it
};

// The engines of a role on Google Cloud, with the process's own credentials. Owned by the role,
// outlived by the pool.
class GoogleCloud {
 public:
  // Asks nobody yet. INVALID_ARGUMENT for credentials that cannot be used.
  static absl::StatusOr<std::unique_ptr<GoogleCloud>> Open(const GoogleOptions& options,
                                                           const spec::Spec& spec,
                                                           http::ConnectionPool& connections,
                                                           const host::Clock& clock);
  ~GoogleCloud();
  warehouse::Warehouse& warehouse();
  warehouse::Catalog& catalog();

 private:
  struct State;
  explicit GoogleCloud(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace afluente::roles
