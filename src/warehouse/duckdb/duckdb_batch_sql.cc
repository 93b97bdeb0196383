#include "warehouse/duckdb/duckdb_batch_sql.h"

#include <algorithm>

#include "host/check.h"
#include "schema/text.h"
#include "warehouse/duckdb/engine.h"
#include "warehouse/duckdb/errors.h"
#include "warehouse/duckdb/logical_type.h"
#include "warehouse/duckdb/message_source.h"
#include "warehouse/duckdb/row_chunks.h"
#include "warehouse/duckdb/session.h"
#include "warehouse/duckdb/vector_reader.h"
#include "warehouse/googlesql/translate.h"

namespace afluente::warehouse::duckdb {

struct DuckdbBatchSqlCompiler::Memory {
  DatabaseHandle database;
};

namespace {

using schema::Column;
using schema::Mode;
using schema::Type;
using schema::TypeKind;

constexpr uint64_t kMemoryBytes = 256 << 20;
// One message may give many rows; past this the batch fails and is bisected.
constexpr size_t kRowsMax = 1'000'000;

std::vector<Column> DeclaredColumns(const TableSchema& target) {
  std::vector<Column> declared;
  for (const Column& column : target.columns) {
    if (target.function_fed &&
        (column.name == kMessageIdColumn || column.name == kMessageRowColumn)) {
      continue;
    }
    declared.push_back(column);
  }
  return declared;
}

// GoogleSQL's coercions between column types.
bool Coerces(const Type& from, const Type& to) {
  if (from == to) return true;
  if (from.kind == TypeKind::kArray && to.kind == TypeKind::kArray) {
    return Coerces(from.fields[0].type, to.fields[0].type);
  }
  if (from.kind == TypeKind::kStruct && to.kind == TypeKind::kStruct) {
    return from.fields.size() == to.fields.size() &&
           std::equal(from.fields.begin(), from.fields.end(), to.fields.begin(),
                      [](const auto& a, const auto& b) { return Coerces(a.type, b.type); });
  }
  auto rank = [](TypeKind kind) {
    switch (kind) {
      case TypeKind::kInt64:
        return 1;
      case TypeKind::kNumeric:
        return 2;
      case TypeKind::kBigNumeric:
        return 3;
      case TypeKind::kFloat64:
        return 4;
      default:
        return 0;
    }
  };
  if (rank(from.kind) > 0) return rank(from.kind) < rank(to.kind);
  return from.kind == TypeKind::kDate && to.kind == TypeKind::kDatetime;
}

std::string CoercionSql(const std::string& name, const Type& from, const Type& to) {
  if (to.kind == TypeKind::kBigNumeric && from.kind != TypeKind::kBigNumeric) {
    return schema::Concat("afluente_bignumeric(CAST(", name, " AS VARCHAR))");
  }
  return schema::Concat("CAST(", name, " AS ", SqlType(to), ")");
}

// `sql` as a relation with columns c0, c1, ...
std::string Numbered(const std::string& sql, size_t columns) {
  std::string relation = "(" + sql + ") AS transformed(c0";
  for (size_t i = 1; i < columns; ++i) relation += schema::Concat(", c", i);
  return relation + ")";
}

// DuckDB types a bare NULL as INTEGER in a result; inside a statement it still casts to anything,
// a list too, which no number does.
bool IsBareNull(Session& session, const Prepared& prepared, const std::string& relation,
                size_t place) {
  if (duckdb_prepared_statement_column_type(prepared.handle.get(), place) != DUCKDB_TYPE_INTEGER) {
    return false;
  }
  return session
      .PrepareAnew(schema::Concat("SELECT CAST(c", place, " AS INTEGER[]) FROM ", relation))
      .ok();
}

absl::Status CheckNames(const std::vector<std::string>& names, const std::vector<Column>& target) {
  for (const std::string& name : names) {
    bool known = std::any_of(target.begin(), target.end(), [&](const Column& column) {
      return schema::EqualsIgnoreCase(column.name, name);
    });
    if (!known) {
      return absl::InvalidArgumentError(
          schema::Concat("the transform's column ", name, " is not a column of the table"));
    }
  }
  return absl::OkStatus();
}

// Checks the statement's columns against the table's and emits them in the table's order.
absl::StatusOr<std::string> CastToTarget(const googlesql::TransformTranslation& translation,
                                         Session& session, const std::vector<Column>& target) {
  const std::vector<std::string>& names = translation.columns;
  AFLUENTE_RETURN_IF_ERROR(CheckNames(names, target));
  AFLUENTE_ASSIGN_OR_RETURN(std::unique_ptr<Prepared> prepared,
                            session.PrepareAnew(translation.sql));
  if (prepared->columns.size() != names.size() + 1) {
    return absl::InternalError("a transform's columns are not those of its translation");
  }
  std::string relation = Numbered(translation.sql, names.size() + 1);
  std::string select = "SELECT c0";
  for (const Column& column : target) {
    auto found = std::find_if(names.begin(), names.end(), [&](const std::string& name) {
      return schema::EqualsIgnoreCase(name, column.name);
    });
    if (found == names.end()) {
      return absl::InvalidArgumentError(schema::Concat("the transform gives no column ",
                                                       column.name, "; write NULL AS ", column.name,
                                                       " to leave it empty"));
    }
    size_t place = found - names.begin() + 1;
    const Type& from = prepared->columns[place].type;
    if (!Coerces(from, column.type) && !IsBareNull(session, *prepared, relation, place)) {
      return absl::InvalidArgumentError(
          schema::Concat("the transform's column ", column.name, " has type ", from.ToString(),
                         " which cannot be coerced to ", column.type.ToString()));
    }
    select += schema::Concat(", ", CoercionSql(schema::Concat("c", place), from, column.type));
  }
  return schema::Concat(select, " FROM ", relation);
}

// A compiled transform on its own connection.
class DuckdbBatchSql final : public BatchSql {
 public:
  DuckdbBatchSql(std::shared_ptr<void> memory, std::unique_ptr<MessageSource> source,
                 std::unique_ptr<Session> session, std::string sql, std::vector<Column> target)
      : memory_(std::move(memory)),
        source_(std::move(source)),
        session_(std::move(session)),
        sql_(std::move(sql)),
        target_(std::move(target)) {}

  absl::StatusOr<std::vector<TransformedRow>> Run(
      const std::vector<const event::Message*>& messages,
      const std::vector<int64_t>& delivery_attempts) override {
    AFLUENTE_CHECK(messages.size() == delivery_attempts.size());
    source_->messages = &messages;
    source_->delivery_attempts = &delivery_attempts;
    absl::StatusOr<std::vector<TransformedRow>> rows = RunStatement();
    *source_ = MessageSource();
    return rows;
  }

 private:
  absl::StatusOr<std::vector<TransformedRow>> RunStatement() {
    AFLUENTE_ASSIGN_OR_RETURN(Prepared * prepared, session_->Prepare(sql_));
    ResultHandle result;
    if (duckdb_execute_prepared_streaming(prepared->handle.get(), result.get()) != DuckDBSuccess) {
      return ResultStatus(result);
    }
    std::vector<TransformedRow> rows;
    while (true) {
      AFLUENTE_ASSIGN_OR_RETURN(ColumnBatch batch, NextBatch(result, prepared->columns));
      if (batch.rows == 0) break;
      AFLUENTE_RETURN_IF_ERROR(AddRows(batch, rows));
      if (rows.size() > kRowsMax) {
        return absl::ResourceExhaustedError(
            schema::Concat("the transform gives more than ", kRowsMax, " rows for its messages"));
      }
    }
    auto before = [](const TransformedRow& a, const TransformedRow& b) {
      return a.message_index < b.message_index;
    };
    if (!std::is_sorted(rows.begin(), rows.end(), before)) {
      std::stable_sort(rows.begin(), rows.end(), before);
    }
    return rows;
  }

  absl::Status AddRows(const ColumnBatch& batch, std::vector<TransformedRow>& rows) const {
    size_t first = rows.size();
    rows.resize(first + batch.rows);
    for (size_t i = 0; i < batch.rows; ++i) {
      rows[first + i].message_index = static_cast<size_t>(batch.columns[0].ints[i]);
      rows[first + i].values.reserve(target_.size());
    }
    for (size_t k = 0; k < target_.size(); ++k) {
      const ColumnVector& column = batch.columns[k + 1];
      bool required = target_[k].mode == Mode::kRequired;
      for (size_t i = 0; i < batch.rows; ++i) {
        if (required && column.IsNull(i)) {
          return absl::InvalidArgumentError(
              schema::Concat("Required field ", target_[k].name, " cannot be null"));
        }
        rows[first + i].values.push_back(ValueAt(column, i));
      }
    }
    return absl::OkStatus();
  }

  const std::shared_ptr<void> memory_;
  const std::unique_ptr<MessageSource> source_;
  const std::unique_ptr<Session> session_;
  const std::string sql_;
  const std::vector<Column> target_;
};

}  // namespace

DuckdbBatchSqlCompiler::DuckdbBatchSqlCompiler() = default;
DuckdbBatchSqlCompiler::~DuckdbBatchSqlCompiler() = default;

absl::StatusOr<std::unique_ptr<BatchSql>> DuckdbBatchSqlCompiler::Compile(
    std::string_view sql, const TableSchema& target) {
  std::shared_ptr<Memory> memory;
  std::string source_name;
  {
    absl::MutexLock lock(&mutex_);
    if (memory_ == nullptr) {
      AFLUENTE_ASSIGN_OR_RETURN(DatabaseHandle database, OpenPrivate(1, kMemoryBytes));
      memory_ = std::make_shared<Memory>();
      memory_->database = std::move(database);
    }
    memory = memory_;
    source_name = schema::Concat("afluente_messages_", ++compiled_);
  }
  AFLUENTE_ASSIGN_OR_RETURN(googlesql::TransformTranslation translation,
                            googlesql::TranslateTransform(sql, source_name));
  AFLUENTE_ASSIGN_OR_RETURN(std::unique_ptr<Session> session,
                            Session::Connect(memory->database.get()));
  auto source = std::make_unique<MessageSource>();
  AFLUENTE_RETURN_IF_ERROR(RegisterMessageSource(session->connection(), source_name, source.get()));
  AFLUENTE_RETURN_IF_ERROR(session->Execute(
      schema::Concat("CREATE TEMP VIEW ", source_name, " AS SELECT * FROM ", source_name, "()")));
  std::vector<Column> columns = DeclaredColumns(target);
  AFLUENTE_ASSIGN_OR_RETURN(std::string cast, CastToTarget(translation, *session, columns));
  AFLUENTE_RETURN_IF_ERROR(session->Prepare(cast).status());
  return std::make_unique<DuckdbBatchSql>(std::move(memory), std::move(source), std::move(session),
                                          std::move(cast), std::move(columns));
}

}  // namespace afluente::warehouse::duckdb
