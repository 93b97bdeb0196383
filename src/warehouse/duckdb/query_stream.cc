#include "warehouse/duckdb/query_stream.h"

#include <algorithm>
#include <chrono>

#include "host/cancellation.h"
#include "host/check.h"
#include "schema/text.h"
#include "warehouse/duckdb/engine.h"
#include "warehouse/duckdb/errors.h"
#include "warehouse/duckdb/read_pool.h"
#include "warehouse/duckdb/vector_writer.h"

namespace afluente::warehouse::duckdb {
namespace {

// How long a query without a timeout waits for a free connection.
constexpr std::chrono::seconds kConnectionWait{10};

// A running SELECT: holds a connection, and the snapshot it reads, until destroyed.
class QueryStream final : public ResultStream {
 public:
  QueryStream(Engine& engine, ReadPool::Lease lease, const QueryLimits& limits)
      : engine_(engine),
        lease_(std::move(lease)),
        rows_left_(limits.rows_max),
        cancellation_(limits.cancellation) {}

  ~QueryStream() override {
    // The connection must be idle, and out of the timer's reach, before another query gets it.
    if (!ended_) duckdb_interrupt(lease_->connection());
    StopWatch();
    result_ = ResultHandle();
  }

  absl::Status Start(const googlesql::Translation& translation, const Arguments& arguments,
                     host::MonotonicTime deadline) {
    // From here on, so that the deadline covers planning where DuckDB lets itself be interrupted.
    AFLUENTE_ASSIGN_OR_RETURN(watch_, engine_.timer.Add(lease_->connection(), deadline));
    if (cancellation_ != nullptr) {
      cancellation_->OnCancel([&timer = engine_.timer, watch = watch_] { timer.Cancel(watch); });
    }
    absl::Status status = Run(translation, arguments);
    return status.ok() ? status : Ended(status);
  }
  const std::vector<schema::Column>& columns() const override { return columns_; }

  absl::StatusOr<ColumnBatch> Next() override {
    if (ended_ || rows_left_ == 0u) return ColumnBatch();
    absl::StatusOr<ColumnBatch> batch = NextBatch(result_, columns_);
    if (!batch.ok()) return Ended(batch.status());
    if (batch->rows == 0) {
      ended_ = true;
      StopWatch();
      return batch;
    }
    if (rows_left_) {
      Truncate(*batch, *rows_left_);
      *rows_left_ -= batch->rows;
    }
    return batch;
  }

  std::optional<int64_t> affected_rows() const override { return std::nullopt; }

 private:
  absl::Status Run(const googlesql::Translation& translation, const Arguments& arguments) {
    // A plan holds the time and the random numbers of its making.
    if (!translation.deterministic) lease_->Forget(translation.sql);
    AFLUENTE_ASSIGN_OR_RETURN(Prepared * prepared, lease_->Prepare(translation.sql));
    for (size_t i = 0; i < arguments.size(); ++i) {
      if (duckdb_bind_value(prepared->handle.get(), i + 1, arguments[i].get()) != DuckDBSuccess) {
        return PrepareStatus(prepared->handle);
      }
    }
    AFLUENTE_RETURN_IF_ERROR(Execute(*prepared));
    AFLUENTE_ASSIGN_OR_RETURN(columns_, ResultColumns(result_));
    return absl::OkStatus();
  }

  absl::Status Execute(Prepared& prepared) {
    PendingHandle pending;
    if (duckdb_pending_prepared_streaming(prepared.handle.get(), pending.out()) != DuckDBSuccess) {
      return TextStatus(duckdb_pending_error(pending.get()));
    }
    if (duckdb_execute_pending(pending.get(), result_.get()) != DuckDBSuccess) {
      return ResultStatus(result_);
    }
    return absl::OkStatus();
  }

  absl::Status Ended(absl::Status status) {
    ended_ = true;
    return Explain(status, StopWatch());
  }

  QueryTimer::Outcome StopWatch() {
    if (watch_ == 0) return QueryTimer::Outcome::kInTime;
    return engine_.timer.Remove(std::exchange(watch_, 0));
  }

  static void Truncate(ColumnBatch& batch, uint64_t rows) {
    if (batch.rows <= rows) return;
    for (ColumnVector& column : batch.columns) TruncateColumn(column, rows);
    batch.rows = rows;
  }

  static void TruncateColumn(ColumnVector& column, size_t rows) {
    column.valid.resize(rows);
    if (!column.ints.empty()) column.ints.resize(rows);
    if (!column.doubles.empty()) column.doubles.resize(rows);
    if (!column.offsets.empty()) {
      column.offsets.resize(rows + 1);
      if (column.children.empty()) column.bytes.resize(column.offsets.back());
      if (!column.children.empty()) TruncateColumn(column.children[0], column.offsets.back());
      return;
    }
    for (ColumnVector& child : column.children) TruncateColumn(child, rows);
  }

  Engine& engine_;
  ReadPool::Lease lease_;
  ResultHandle result_;
  std::vector<schema::Column> columns_;
  std::optional<uint64_t> rows_left_;
  const std::shared_ptr<host::Cancellation> cancellation_;
  uint64_t watch_ = 0;
  bool ended_ = false;
};

}  // namespace

host::MonotonicTime DeadlineOf(const QueryLimits& limits) {
  if (!limits.timeout) return host::MonotonicTime::max();
  return std::chrono::steady_clock::now() + *limits.timeout;
}

// "?2" is the second parameter without a name.
static std::vector<Parameter>::const_iterator Positional(const std::vector<Parameter>& parameters,
                                                         const std::string& name) {
  size_t place = 0;
  const size_t wanted = std::stoul(name.substr(1));
  return std::find_if(parameters.begin(), parameters.end(), [&](const Parameter& given) {
    return given.name.empty() && ++place == wanted;
  });
}

absl::StatusOr<Arguments> BindParameters(const Statement& statement,
                                         const googlesql::Translation& translation,
                                         const std::vector<Parameter>& parameters) {
  Arguments arguments;
  for (const std::string& name : translation.parameters) {
    auto found = std::find_if(parameters.begin(), parameters.end(), [&](const Parameter& given) {
      return schema::EqualsIgnoreCase(given.name, name);
    });
    if (name[0] == '?') found = Positional(parameters, name);
    if (found == parameters.end()) {
      size_t offset = translation.parameter_offsets[arguments.size()];
      return absl::InvalidArgumentError(schema::Concat("Query parameter '", name, "' not found at ",
                                                       googlesql::PlaceOf(statement.text, offset)));
    }
    absl::StatusOr<ValueHandle> value = ToDuckdbValue(found->type, found->value);
    if (!value.ok()) {
      return Prefixed(schema::Concat("Query parameter '", name, "': "), value.status());
    }
    arguments.push_back(*std::move(value));
  }
  return arguments;
}

absl::StatusOr<std::unique_ptr<ResultStream>> StartQuery(Engine& engine,
                                                         const googlesql::Translation& translation,
                                                         const Arguments& arguments,
                                                         host::MonotonicTime deadline,
                                                         const QueryLimits& limits) {
  bool endless = deadline == host::MonotonicTime::max();
  absl::StatusOr<ReadPool::Lease> lease = engine.readers->Acquire(
      endless ? std::chrono::steady_clock::now() + kConnectionWait : deadline);
  if (!lease.ok()) return lease.status();
  auto stream = std::make_unique<QueryStream>(engine, *std::move(lease), limits);
  AFLUENTE_RETURN_IF_ERROR(stream->Start(translation, arguments, deadline));
  return stream;
}

}  // namespace afluente::warehouse::duckdb
