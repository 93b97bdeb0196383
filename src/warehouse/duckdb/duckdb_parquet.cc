#include "warehouse/duckdb/duckdb_parquet.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "host/check.h"
#include "host/descriptor.h"
#include "schema/text.h"
#include "warehouse/duckdb/engine.h"
#include "warehouse/duckdb/errors.h"
#include "warehouse/duckdb/logical_type.h"
#include "warehouse/duckdb/session.h"
#include "warehouse/duckdb/vector_reader.h"
#include "warehouse/duckdb/vector_writer.h"

namespace afluente::warehouse::duckdb {
namespace {

using schema::Column;
using schema::Type;
using schema::TypeKind;

constexpr uint64_t kMemoryBytes = uint64_t{512} << 20;
constexpr char kTable[] = "answer";

// `name`, or one like it that no field before has; DuckDB tells them apart without regard to case.
std::string FreshName(const std::string& name, size_t place, std::set<std::string>& taken) {
  const std::string wanted = name.empty() ? schema::Concat("_field_", place + 1) : name;
  std::string fresh = wanted;
  for (int i = 2; !taken.insert(schema::Lowercase(fresh)).second; ++i) {
    fresh = schema::Concat(wanted, "_", i);
  }
  return fresh;
}

// The type whose values stand for the type's in the file (ParquetFormat).
Type StoredType(const Type& type) {
  switch (type.kind) {
    case TypeKind::kBigNumeric:
    case TypeKind::kInterval: {
      Type text;
      text.kind = TypeKind::kString;
      return text;
    }
    case TypeKind::kArray:
      return Type::Array(StoredType(type.element()));
    case TypeKind::kRange:
      return Type::Struct(
          {{"start", StoredType(type.element())}, {"end", StoredType(type.element())}});
    case TypeKind::kStruct: {
      std::set<std::string> taken;
      std::vector<schema::Field> fields;
      for (const schema::Field& field : type.fields) {
        fields.push_back({FreshName(field.name, fields.size(), taken), StoredType(field.type)});
      }
      return Type::Struct(std::move(fields));
    }
    default:
      return type;
  }
}

size_t BytesOf(const ColumnVector& column) {
  size_t bytes = column.valid.size() + column.ints.size() * sizeof(int64_t) +
                 column.doubles.size() * sizeof(double) + column.bytes.size() +
                 column.offsets.size() * sizeof(uint32_t);
  for (const ColumnVector& child : column.children) bytes += BytesOf(child);
  return bytes;
}

absl::StatusOr<std::string> ReadAll(const host::Descriptor& file) {
  struct stat found{};
  if (fstat(file.get(), &found) != 0) return absl::InternalError("a file in memory has no size");
  std::string bytes(static_cast<size_t>(found.st_size), '\0');
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t got =
        pread(file.get(), bytes.data() + done, bytes.size() - done, static_cast<off_t>(done));
    if (got <= 0) return absl::InternalError("a file in memory cannot be read");
    done += static_cast<size_t>(got);
  }
  return bytes;
}

class DuckdbParquetFile final : public ParquetFile {
 public:
  DuckdbParquetFile(std::unique_ptr<Session> session, const std::vector<Column>& columns)
      : session_(std::move(session)) {
    for (const Column& column : columns) {
      types_.push_back(StoredType(column.type));
      logical_types_.push_back(ToLogicalType(types_.back()));
    }
  }

  absl::Status Start(const std::vector<Column>& columns) {
    std::string ddl = schema::Concat("CREATE TEMP TABLE ", kTable, " (");
    for (size_t i = 0; i < columns.size(); ++i) {
      ddl += schema::Concat(i == 0 ? "" : ", ", QuoteIdentifier(columns[i].name), " ",
                            SqlType(types_[i]));
    }
    AFLUENTE_RETURN_IF_ERROR(session_->Execute(ddl + ")"));
    const bool made = duckdb_appender_create_ext(session_->connection(), "temp", "main", kTable,
                                                 appender_.out()) == DuckDBSuccess;
    return made ? absl::OkStatus() : AppenderStatus(appender_);
  }

  absl::Status Append(const ColumnBatch& batch) override {
    if (batch.columns.size() != types_.size()) {
      return absl::InternalError("the batch has other columns than the file");
    }
    for (const ColumnVector& column : batch.columns) bytes_ += BytesOf(column);
    const size_t step = duckdb_vector_size();
    for (size_t from = 0; from < batch.rows; from += step) {
      AFLUENTE_RETURN_IF_ERROR(AppendRows(batch, from, std::min(batch.rows, from + step)));
    }
    return absl::OkStatus();
  }

  size_t bytes() const override { return bytes_; }

  absl::StatusOr<std::string> Finish() override {
    if (duckdb_appender_close(appender_.get()) != DuckDBSuccess) return AppenderStatus(appender_);
    const host::Descriptor file(memfd_create("answer.parquet", MFD_CLOEXEC));
    if (file.get() < 0) return absl::ResourceExhaustedError("no file in memory can be made");
    // By its path in /proc the writer opens the same memory again.
    AFLUENTE_RETURN_IF_ERROR(session_->Execute(
        schema::Concat("COPY ", kTable, " TO '/proc/self/fd/", file.get(),
                       "' (FORMAT parquet, COMPRESSION zstd, USE_TMP_FILE false)")));
    return ReadAll(file);
  }

 private:
  absl::Status AppendRows(const ColumnBatch& batch, size_t from, size_t to) {
    std::vector<duckdb_logical_type> types;
    for (const LogicalTypeHandle& type : logical_types_) types.push_back(type.get());
    const ChunkHandle chunk(duckdb_create_data_chunk(types.data(), types.size()));
    for (size_t i = 0; i < types_.size(); ++i) {
      std::vector<schema::Value> values;
      for (size_t row = from; row < to; ++row) values.push_back(ValueAt(batch.columns[i], row));
      std::vector<const schema::Value*> places;
      for (const schema::Value& value : values) places.push_back(&value);
      AFLUENTE_RETURN_IF_ERROR(WriteVector(
          types_[i], places, duckdb_data_chunk_get_vector(chunk.get(), i), NullElements::kAllowed));
    }
    duckdb_data_chunk_set_size(chunk.get(), to - from);
    const bool done = duckdb_append_data_chunk(appender_.get(), chunk.get()) == DuckDBSuccess;
    return done ? absl::OkStatus() : AppenderStatus(appender_);
  }

  // Destroyed last: the table goes with its connection.
  const std::unique_ptr<Session> session_;
  std::vector<Type> types_;
  std::vector<LogicalTypeHandle> logical_types_;
  AppenderHandle appender_;
  size_t bytes_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ParquetFile>> DuckdbParquet::Begin(
    const std::vector<Column>& columns) {
  std::unique_ptr<Session> session;
  {
    absl::MutexLock lock(&mutex_);
    if (database_.get() == nullptr) {
      AFLUENTE_ASSIGN_OR_RETURN(database_, OpenInMemory(1, kMemoryBytes));
    }
    AFLUENTE_ASSIGN_OR_RETURN(session, Session::Connect(database_.get()));
  }
  auto file = std::make_unique<DuckdbParquetFile>(std::move(session), columns);
  AFLUENTE_RETURN_IF_ERROR(file->Start(columns));
  return std::unique_ptr<ParquetFile>(std::move(file));
}

}  // namespace afluente::warehouse::duckdb
