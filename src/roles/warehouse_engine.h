#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace afluente::host {
class Clock;
}
namespace afluente::spec {
struct Spec;
}
namespace afluente::telemetry {
class Metrics;
}
namespace afluente::warehouse {
class Warehouse;
}

namespace afluente::roles {

struct GoogleOptions;

// The warehouse of a role that runs without the pipeline. Owned by that role.
class WarehouseEngine {
 public:
  // `name` is "embedded" (the data directory, which no other process may hold) or "bigquery".
  // INVALID_ARGUMENT for an unknown name.
  static absl::StatusOr<std::unique_ptr<WarehouseEngine>> Open(const std::string& name,
                                                               const spec::Spec& spec,
                                                               const std::string& data_dir,
                                                               const GoogleOptions& google,
                                                               const host::Clock& clock,
                                                               telemetry::Metrics& metrics);
  virtual ~WarehouseEngine() = default;
  virtual warehouse::Warehouse& warehouse() = 0;
  // Ends the queries under way, at the end of the grace.
  virtual void InterruptQueries() = 0;
};

}  // namespace afluente::roles
