#include "warehouse/duckdb/parquet_rows.h"

#include <utility>

#include "host/check.h"
#include "schema/text.h"
#include "warehouse/duckdb/engine.h"
#include "warehouse/duckdb/handles.h"

namespace afluente::warehouse::duckdb {
namespace {

constexpr uint64_t kMemoryBytes = uint64_t{512} << 20;

absl::Status Wrong(const std::string& path, const char* what) {
  return absl::InvalidArgumentError(
      schema::Concat(path, ": ", what == nullptr ? "cannot be read" : what));
}

class DuckdbParquetRows final : public ParquetRows {
 public:
  absl::Status Start(const std::string& path) {
    path_ = path;
    AFLUENTE_ASSIGN_OR_RETURN(database_, OpenInMemory(1, kMemoryBytes));
    if (duckdb_connect(database_.get(), connection_.out()) != DuckDBSuccess) {
      return absl::InternalError("no connection to a database in memory");
    }
    AFLUENTE_RETURN_IF_ERROR(Run("SELECT count(*) FROM read_parquet(?)", false));
    ChunkHandle count(duckdb_fetch_chunk(*result_.get()));
    if (count.get() == nullptr) return Wrong(path_, nullptr);
    total_ = static_cast<uint64_t>(*static_cast<int64_t*>(
        duckdb_vector_get_data(duckdb_data_chunk_get_vector(count.get(), 0))));
    // The table's alias would stand for the row too, but not where a column has its name.
    return Run("SELECT to_json(struct_pack(*COLUMNS(*)))::VARCHAR FROM read_parquet(?)", true);
  }

  absl::StatusOr<std::optional<std::string>> Next() override {
    while (next_ >= size_) {
      chunk_ = ChunkHandle(duckdb_fetch_chunk(*result_.get()));
      next_ = 0;
      if (chunk_.get() == nullptr) {
        const char* error = duckdb_result_error(result_.get());
        if (error != nullptr && *error != '\0') return Wrong(path_, error);
        return std::nullopt;
      }
      size_ = duckdb_data_chunk_get_size(chunk_.get());
    }
    auto* strings = static_cast<duckdb_string_t*>(
        duckdb_vector_get_data(duckdb_data_chunk_get_vector(chunk_.get(), 0)));
    duckdb_string_t* text = &strings[next_++];
    return std::string(duckdb_string_t_data(text), duckdb_string_t_length(*text));
  }

  uint64_t rows_total() const override { return total_; }

 private:
  absl::Status Run(const char* sql, bool streaming) {
    if (duckdb_prepare(connection_.get(), sql, prepared_.out()) != DuckDBSuccess) {
      return Wrong(path_, duckdb_prepare_error(prepared_.get()));
    }
    duckdb_bind_varchar(prepared_.get(), 1, path_.c_str());
    result_ = ResultHandle();
    const auto done = streaming ? duckdb_execute_prepared_streaming(prepared_.get(), result_.get())
                                : duckdb_execute_prepared(prepared_.get(), result_.get());
    return done == DuckDBSuccess ? absl::OkStatus()
                                 : Wrong(path_, duckdb_result_error(result_.get()));
  }

  std::string path_;
  DatabaseHandle database_;
  ConnectionHandle connection_;
  PreparedHandle prepared_;
  ResultHandle result_;
  ChunkHandle chunk_;
  uint64_t next_ = 0, size_ = 0, total_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ParquetRows>> ParquetRows::Open(const std::string& path) {
  auto rows = std::make_unique<DuckdbParquetRows>();
  AFLUENTE_RETURN_IF_ERROR(rows->Start(path));
  return std::unique_ptr<ParquetRows>(std::move(rows));
}

}  // namespace afluente::warehouse::duckdb
