#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "host/clock.h"
#include "warehouse/duckdb/session.h"
#include "warehouse/googlesql/translate.h"
#include "warehouse/table_writer.h"
#include "warehouse/warehouse.h"

namespace afluente::warehouse::duckdb {

struct Engine;
using RecordsOf = TableWriter::RecordsOf;

// The last moment of a query that begins now.
host::MonotonicTime DeadlineOf(const QueryLimits& limits);

// Binds the named parameters in the order that the translation wants. INVALID_ARGUMENT names one
// that is missing or does not fit.
absl::StatusOr<Arguments> BindParameters(const Statement& statement,
                                         const googlesql::Translation& translation,
                                         const std::vector<Parameter>& parameters);

// Starts a translated query on a reading connection; the stream keeps the connection.
absl::StatusOr<std::unique_ptr<ResultStream>> StartQuery(Engine& engine,
                                                         const googlesql::Translation& translation,
                                                         const Arguments& arguments,
                                                         host::MonotonicTime deadline,
                                                         const QueryLimits& limits);

// Runs DML or DDL through the committer, with what `records` gives in the same transaction.
absl::StatusOr<std::unique_ptr<ResultStream>> RunMutation(Engine& engine,
                                                          const Statement& statement,
                                                          const std::vector<Parameter>& parameters,
                                                          const QueryLimits& limits,
                                                          const RecordsOf& records = nullptr);

class WriteTransaction;
// Creates or replaces a view by its GoogleSQL query, inside an open transaction.
absl::Status RunViewIn(Engine& engine, WriteTransaction& transaction, const TableSchema& view,
                       bool replace);

}  // namespace afluente::warehouse::duckdb
