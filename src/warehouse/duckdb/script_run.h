#pragma once

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "host/clock.h"
#include "warehouse/warehouse.h"

namespace afluente::warehouse::duckdb {

struct Engine;

// Runs a script of several statements to its end; gives the result of the last one that has one.
// RESOURCE_EXHAUSTED when it takes too many steps, DEADLINE_EXCEEDED and CANCELLED as a query.
absl::StatusOr<std::unique_ptr<ResultStream>> RunScript(Engine& engine, const Statement& statement,
                                                        const std::vector<Parameter>& parameters,
                                                        host::MonotonicTime deadline,
                                                        const QueryLimits& limits);

}  // namespace afluente::warehouse::duckdb
