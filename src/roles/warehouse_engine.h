#pragma once

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "host/clock.h"

namespace afluente::spec {
struct Spec;
}
namespace afluente::telemetry {
class Metrics;
}
namespace afluente::warehouse {
class Warehouse;
struct TableName;
}  // namespace afluente::warehouse

namespace afluente::roles {

struct GoogleOptions;

// The warehouse of a role that runs without the pipeline. Owned by that role.
class WarehouseEngine {
 public:
  // `name` is "embedded" (the data directory, which no other process may hold) or "bigquery".
  // INVALID_ARGUMENT for an unknown name.
  static absl::StatusOr<std::unique_ptr<WarehouseEngine>> Open(
      const std::string& name, const spec::Spec& spec, const std::string& data_dir,
      const GoogleOptions& google, const host::Clock& clock, telemetry::Metrics& metrics);
  virtual ~WarehouseEngine() = default;
  virtual warehouse::Warehouse& warehouse() = 0;
  // When the newest message in a table was published; nullopt where that is not known.
  virtual std::optional<host::WallTime> Freshness(const warehouse::TableName& table) const = 0;
  // Ends the queries under way, at the end of the grace.
  virtual void InterruptQueries() = 0;
};

}  // namespace afluente::roles
