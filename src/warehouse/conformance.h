#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "schema/type.h"
#include "schema/value.h"
#include "warehouse/catalog.h"
#include "warehouse/table_writer.h"
#include "warehouse/warehouse.h"

namespace afluente::warehouse {

// An engine under the conformance suites, with what a restart needs.
class EngineUnderTest {
 public:
  virtual ~EngineUnderTest() = default;
  virtual Warehouse& warehouse() = 0;
  virtual Catalog& catalog() = 0;
  virtual TableWriter& table_writer() = 0;
  // Closes the engine and opens it again over the same data.
  virtual void Restart() = 0;
};

using EngineFactory = std::function<std::unique_ptr<EngineUnderTest>()>;

inline schema::Type Scalar(schema::TypeKind kind) {
  schema::Type type;
  type.kind = kind;
  return type;
}

inline schema::Column Nullable(std::string name, schema::Type type) {
  return {std::move(name), std::move(type), schema::Mode::kNullable, ""};
}

inline schema::Column Required(std::string name, schema::Type type) {
  return {std::move(name), std::move(type), schema::Mode::kRequired, ""};
}

inline schema::Value Text(std::string text) { return schema::Value(std::move(text)); }
inline schema::Value Int(int64_t value) { return schema::Value(value); }

// Row `i` of a column as a value.
inline schema::Value ValueOf(const ColumnVector& column, size_t i) {
  using schema::TypeKind;
  using schema::Value;
  if (column.IsNull(i)) return Value();
  switch (column.type.kind) {
    case TypeKind::kBool:
      return Value(column.ints[i] != 0);
    case TypeKind::kFloat64:
      return Value(column.doubles[i]);
    case TypeKind::kString:
    case TypeKind::kBytes:
    case TypeKind::kJson:
    case TypeKind::kNumeric:
    case TypeKind::kBigNumeric:
    case TypeKind::kInterval:
      return Value(std::string(column.Bytes(i)));
    case TypeKind::kArray: {
      Value::List list;
      for (size_t k = column.offsets[i]; k < column.offsets[i + 1]; ++k) {
        list.push_back(ValueOf(column.children[0], k));
      }
      return Value(std::move(list));
    }
    case TypeKind::kRange:
    case TypeKind::kStruct: {
      Value::List list;
      for (const ColumnVector& child : column.children) list.push_back(ValueOf(child, i));
      return Value(std::move(list));
    }
    default:
      return Value(column.ints[i]);
  }
}

using Rows = std::vector<std::vector<schema::Value>>;

// All rows that are left in a stream.
inline absl::StatusOr<Rows> ReadAll(ResultStream& stream) {
  Rows rows;
  while (true) {
    absl::StatusOr<ColumnBatch> batch = stream.Next();
    if (!batch.ok()) return batch.status();
    if (batch->rows == 0) return rows;
    for (size_t i = 0; i < batch->rows; ++i) {
      rows.emplace_back();
      for (const ColumnVector& column : batch->columns) {
        rows.back().push_back(ValueOf(column, i));
      }
    }
  }
}

inline absl::StatusOr<Rows> QueryRows(Warehouse& warehouse, const std::string& sql,
                                      const std::vector<Parameter>& parameters = {},
                                      const QueryLimits& limits = {}) {
  absl::StatusOr<std::unique_ptr<ResultStream>> stream =
      warehouse.Query({sql, "proj", "ds"}, parameters, limits);
  if (!stream.ok()) return stream.status();
  return ReadAll(**stream);
}

}  // namespace afluente::warehouse
