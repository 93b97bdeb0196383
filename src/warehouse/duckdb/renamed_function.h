#pragma once

#include "absl/status/status.h"
#include "warehouse/duckdb/committer.h"
#include "warehouse/warehouse.h"

namespace afluente::warehouse::duckdb {

// What was `commit.previous_name`'s becomes `commit.function`'s: its counters, its table and its
// dead letters. Its state is emptied; the new one comes with the commit.
absl::Status TakeOverFunction(WriteTransaction& transaction, const FunctionCommit& commit);

}  // namespace afluente::warehouse::duckdb
