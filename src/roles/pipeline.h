#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "function/balance.h"
#include "host/clock.h"

namespace afluente::broker {
class Broker;
class Subscriptions;
}  // namespace afluente::broker

namespace afluente::function {
struct Operations;
}  // namespace afluente::function

namespace afluente::spec {
struct Spec;
}  // namespace afluente::spec

namespace afluente::telemetry {
class Metrics;
class Tracer;
}  // namespace afluente::telemetry

namespace afluente::warehouse {
struct TableName;
}
namespace afluente::warehouse::duckdb {
class DuckdbDatabase;
}  // namespace afluente::warehouse::duckdb

namespace afluente::roles {

// The embedded pipeline without its doors: journal, warehouse and functions over one data
// directory, as the specification describes them. Owned by a role or a command; holds the
// directory's lock.
class Pipeline {
 public:
  // Runs when the topics are there and before the journal may clean: for who pins messages.
  using BeforeCleaning = std::function<absl::Status(broker::Broker&)>;

  // `spec` outlives the pipeline. Opens the directory, creates what the specification names and is
  // not there yet, and opens the functions (not started). INVALID_ARGUMENT or FAILED_PRECONDITION
  // when the specification does not fit what is stored. `tracer` outlives it; nullptr: no traces.
  static absl::StatusOr<std::unique_ptr<Pipeline>> Open(const spec::Spec& spec,
                                                        const std::string& data_dir,
                                                        const host::Clock& clock,
                                                        telemetry::Metrics& metrics,
                                                        const BeforeCleaning& before_cleaning = {},
                                                        telemetry::Tracer* tracer = nullptr);
  ~Pipeline();

  void StartFunctions();
  // Each finishes the batch at hand.
  void StopFunctions();

  // One balance a function, those that left the specification last. Blocks.
  absl::StatusOr<std::vector<function::Balance>> Check();

  // Messages that some function has not decided yet, filters aside.
  uint64_t Backlog() const;

  // One a function, in the specification's order.
  const std::vector<function::Operations>& operations() const;
  // When the newest message was published that the function which feeds `table` has decided;
  // nullopt when none does. Any thread, does not block.
  std::optional<host::WallTime> Freshness(const warehouse::TableName& table) const;

  broker::Broker& broker();
  // The broker's, and those with a BigQuery table are written to it.
  broker::Subscriptions& subscriptions();
  warehouse::duckdb::DuckdbDatabase& database();

 private:
  struct State;
  explicit Pipeline(std::unique_ptr<State> state);
  static void OpenConnections(const spec::Spec& spec, State& state);
  std::unique_ptr<State> state_;
};

}  // namespace afluente::roles
