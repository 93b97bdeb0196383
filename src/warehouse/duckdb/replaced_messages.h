#pragma once

#include "absl/status/statusor.h"
#include "warehouse/duckdb/committer.h"
#include "warehouse/warehouse.h"

namespace afluente::warehouse::duckdb {

// Takes back what `commit.replaced` were before: their rows leave the table, their dead letters
// become "retried". The counters to add for it (none is above zero); which of dropped, self-stored
// and removed a message was is not known, and they are taken in this order.
absl::StatusOr<OutcomeCounters> TakeBackReplaced(WriteTransaction& transaction,
                                                 const FunctionCommit& commit);

}  // namespace afluente::warehouse::duckdb
