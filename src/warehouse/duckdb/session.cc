#include "warehouse/duckdb/session.h"

#include <algorithm>

#include "host/check.h"
#include "warehouse/duckdb/errors.h"
#include "warehouse/duckdb/logical_type.h"
#include "warehouse/duckdb/vector_reader.h"

namespace afluente::warehouse::duckdb {
namespace {

constexpr size_t kPreparedMax = 128;

absl::Status DescribeColumns(Prepared& prepared) {
  duckdb_prepared_statement handle = prepared.handle.get();
  idx_t count = duckdb_prepared_statement_column_count(handle);
  for (idx_t i = 0; i < count; ++i) {
    LogicalTypeHandle type(duckdb_prepared_statement_column_logical_type(handle, i));
    AFLUENTE_ASSIGN_OR_RETURN(schema::Type column_type, FromLogicalType(type.get()));
    prepared.columns.push_back(
        {TakeString(const_cast<char*>(duckdb_prepared_statement_column_name(handle, i))),
         std::move(column_type), schema::Mode::kNullable, ""});
  }
  return absl::OkStatus();
}

}  // namespace

ValueHandle TextArgument(std::string_view text) {
  return ValueHandle(duckdb_create_varchar_length(text.data(), text.size()));
}

ValueHandle BytesArgument(std::string_view bytes) {
  return ValueHandle(
      duckdb_create_blob(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()));
}

ValueHandle IntegerArgument(int64_t value) { return ValueHandle(duckdb_create_int64(value)); }

Session::Session(ConnectionHandle connection) : connection_(std::move(connection)) {}

absl::StatusOr<std::unique_ptr<Session>> Session::Connect(duckdb_database database) {
  ConnectionHandle connection;
  if (duckdb_connect(database, connection.out()) != DuckDBSuccess) {
    return absl::UnavailableError("the warehouse refused a connection");
  }
  return std::unique_ptr<Session>(new Session(std::move(connection)));
}

absl::StatusOr<Prepared*> Session::Prepare(std::string_view sql) {
  auto found = prepared_.find(sql);
  if (found != prepared_.end()) {
    found->second->last_use = ++uses_;
    return found->second.get();
  }
  if (prepared_.size() >= kPreparedMax) {
    prepared_.erase(std::min_element(
        prepared_.begin(), prepared_.end(),
        [](const auto& a, const auto& b) { return a.second->last_use < b.second->last_use; }));
  }
  AFLUENTE_ASSIGN_OR_RETURN(std::unique_ptr<Prepared> prepared, PrepareAnew(sql));
  prepared->last_use = ++uses_;
  Prepared* result = prepared.get();
  prepared_[std::string(sql)] = std::move(prepared);
  return result;
}

absl::StatusOr<std::unique_ptr<Prepared>> Session::PrepareAnew(std::string_view sql) {
  auto prepared = std::make_unique<Prepared>();
  std::string text(sql);
  if (duckdb_prepare(connection(), text.c_str(), prepared->handle.out()) != DuckDBSuccess) {
    return PrepareStatus(prepared->handle);
  }
  AFLUENTE_RETURN_IF_ERROR(DescribeColumns(*prepared));
  return prepared;
}

void Session::Forget(std::string_view sql) {
  auto found = prepared_.find(sql);
  if (found != prepared_.end()) prepared_.erase(found);
}

absl::StatusOr<ResultHandle> Session::Run(std::string_view sql, const Arguments& arguments) {
  AFLUENTE_ASSIGN_OR_RETURN(Prepared * prepared, Prepare(sql));
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (duckdb_bind_value(prepared->handle.get(), i + 1, arguments[i].get()) != DuckDBSuccess) {
      return PrepareStatus(prepared->handle);
    }
  }
  ResultHandle result;
  if (duckdb_execute_prepared(prepared->handle.get(), result.get()) != DuckDBSuccess) {
    return ResultStatus(result);
  }
  return result;
}

absl::Status Session::Execute(std::string_view sql, const Arguments& arguments) {
  return Run(sql, arguments).status();
}

absl::StatusOr<ColumnBatch> Session::Read(std::string_view sql, const Arguments& arguments) {
  AFLUENTE_ASSIGN_OR_RETURN(ResultHandle result, Run(sql, arguments));
  AFLUENTE_ASSIGN_OR_RETURN(std::vector<schema::Column> columns, ResultColumns(result));
  ColumnBatch all;
  for (const schema::Column& column : columns) all.columns.push_back(EmptyColumn(column.type));
  while (true) {
    ChunkHandle chunk(duckdb_fetch_chunk(*result.get()));
    if (chunk.get() == nullptr) return all;
    size_t rows = duckdb_data_chunk_get_size(chunk.get());
    for (size_t i = 0; i < all.columns.size(); ++i) {
      AFLUENTE_RETURN_IF_ERROR(
          ReadVector(duckdb_data_chunk_get_vector(chunk.get(), i), 0, rows, all.columns[i]));
    }
    all.rows += rows;
  }
}

absl::StatusOr<std::vector<schema::Column>> ResultColumns(ResultHandle& result) {
  std::vector<schema::Column> columns;
  for (idx_t i = 0; i < duckdb_column_count(result.get()); ++i) {
    LogicalTypeHandle type(duckdb_column_logical_type(result.get(), i));
    AFLUENTE_ASSIGN_OR_RETURN(schema::Type column_type, FromLogicalType(type.get()));
    columns.push_back(
        {duckdb_column_name(result.get(), i), std::move(column_type), schema::Mode::kNullable, ""});
  }
  return columns;
}

absl::StatusOr<ColumnBatch> NextBatch(ResultHandle& result,
                                      const std::vector<schema::Column>& columns) {
  ColumnBatch batch;
  for (const schema::Column& column : columns) batch.columns.push_back(EmptyColumn(column.type));
  ChunkHandle chunk(duckdb_fetch_chunk(*result.get()));
  if (chunk.get() == nullptr) {
    const char* error = duckdb_result_error(result.get());
    if (error != nullptr && *error != '\0') return ResultStatus(result);
    return batch;
  }
  batch.rows = duckdb_data_chunk_get_size(chunk.get());
  for (size_t i = 0; i < columns.size(); ++i) {
    AFLUENTE_RETURN_IF_ERROR(
        ReadVector(duckdb_data_chunk_get_vector(chunk.get(), i), 0, batch.rows, batch.columns[i]));
  }
  return batch;
}

}  // namespace afluente::warehouse::duckdb
