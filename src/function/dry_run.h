#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "function/transform_source.h"
#include "host/clock.h"

namespace afluente::warehouse {
class Warehouse;
}  // namespace afluente::warehouse

namespace afluente::function {

class Function;

// What a changed function would make of retained messages, beside the rows that are stored of them.
// Stores nothing. Owned by roles/; any thread; blocks.
class DryRun {
 public:
  struct Request {
    TransformText text;  // empty: the function's own code
    std::optional<uint64_t> from_sequence;
    std::optional<host::WallTime> from_time;
    uint64_t limit = 100;  // messages that match the filter, kLimitMax at most
  };
  static constexpr uint64_t kLimitMax = 1'000;

  DryRun(Function& function, warehouse::Warehouse& warehouse, TransformSource source)
      : function_(function), warehouse_(warehouse), source_(std::move(source)) {}

  // {"messages": [{"message_id", "sequence", "outcome", "error", "rows", "stored", "changed"}],
  // "changed": how many, "next": the sequence to go on from, or null}. UNIMPLEMENTED for a function
  // over HTTP, which would act.
  absl::StatusOr<std::string> Run(const Request& request) const;

 private:
  Function& function_;
  warehouse::Warehouse& warehouse_;
  const TransformSource source_;
};

}  // namespace afluente::function
