#pragma once

#include <optional>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "warehouse/duckdb/committer.h"
#include "warehouse/duckdb/session.h"
#include "warehouse/warehouse.h"

namespace afluente::warehouse::googlesql {
struct Translation;
}

namespace afluente::warehouse::duckdb {

// Runs translated DML or DDL inside an open transaction; the rows it changed, nullopt for DDL.
absl::StatusOr<std::optional<int64_t>> MutateIn(WriteTransaction& transaction,
                                                const googlesql::Translation& translation,
                                                const Arguments& arguments);

// What a mutation answers: columns where it made a table, no rows.
std::unique_ptr<ResultStream> MutationOutcome(std::optional<int64_t> affected_rows,
                                              std::vector<schema::Column> columns);

}  // namespace afluente::warehouse::duckdb
