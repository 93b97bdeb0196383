#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "function/balance.h"
#include "warehouse/table.h"

namespace afluente::broker {
class Topics;
}  // namespace afluente::broker

namespace afluente::host {
class Clock;
}  // namespace afluente::host

namespace afluente::telemetry {
class Metrics;
}  // namespace afluente::telemetry

namespace afluente::warehouse {
class Warehouse;
}  // namespace afluente::warehouse

namespace afluente::function {

class Function;

// What the specification says of functions, as far as it concerns those that it no longer has.
struct NamedFunctions {
  struct Current {
    std::string name;
    std::string previous_name;
    warehouse::TableName table;  // without a table name: none
  };
  std::vector<Current> current;
  std::vector<std::string> removed;
};

// The functions that have left the specification. They decide nothing; each keeps its state and its
// table, and its messages pinned, until an operator removes it. Owned by roles/; safe from any
// thread.
class ParkedFunctions {
 public:
  // Before the functions of the specification are opened. Removes those that it says are removed.
  // FAILED_PRECONDITION when a current one feeds the table of one that is not its previous name.
  static absl::StatusOr<std::unique_ptr<ParkedFunctions>> Open(const NamedFunctions& named,
                                                               broker::Topics& topics,
                                                               warehouse::Warehouse& warehouse,
                                                               const host::Clock& clock,
                                                               telemetry::Metrics& metrics);
  ~ParkedFunctions();

  // Of the parked ones, and of those that the specification says are removed. Blocks.
  absl::StatusOr<std::vector<Balance>> Check();
  std::vector<std::string> names() const;  // of the parked ones

 private:
  ParkedFunctions(std::vector<std::string> removed, warehouse::Warehouse& warehouse);

  const std::vector<std::string> removed_;
  warehouse::Warehouse& warehouse_;
  std::vector<std::unique_ptr<Function>> parked_;
};

}  // namespace afluente::function
