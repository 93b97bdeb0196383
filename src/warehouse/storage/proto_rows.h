#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "schema/value.h"
#include "warehouse/table.h"

namespace google::protobuf {
class DescriptorProto;
}

namespace afluente::warehouse::storage {

// A row as a client of the Storage Write API sent it.
struct IncomingRow {
  std::vector<schema::Value> values;  // of the table's columns, all of them, in their order
  enum class Change { kInsert, kUpsert, kDelete } change = Change::kInsert;
};

// Reads rows that are protocol buffers of a message type which the client describes ("Supported
// protocol buffer and Arrow data types" of BigQuery's documentation). Immutable; any thread.
class ProtoRows {
 public:
  // INVALID_ARGUMENT names the field that is no column (with the payload kExtraFieldsPayload), or
  // whose type does not convert.
  static absl::StatusOr<std::unique_ptr<ProtoRows>> Create(
      const google::protobuf::DescriptorProto& descriptor, const TableSchema& table);
  virtual ~ProtoRows() = default;

  // INVALID_ARGUMENT names the column of a value that does not convert.
  virtual absl::StatusOr<IncomingRow> Decode(const std::string& bytes) const = 0;
};

inline constexpr char kExtraFieldsPayload[] = "afluente/extra-fields";
// A field of the client's schema that the table has not.
absl::Status ExtraField(std::string_view schema, std::string_view field);

// Columns that are no table's: what a row does, and an order that requests have by themselves.
inline constexpr char kChangeType[] = "_CHANGE_TYPE";
inline constexpr char kChangeSequence[] = "_CHANGE_SEQUENCE_NUMBER";
absl::StatusOr<IncomingRow::Change> ChangeOf(std::string_view type);

}  // namespace afluente::warehouse::storage
