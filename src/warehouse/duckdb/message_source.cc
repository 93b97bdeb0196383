#include "warehouse/duckdb/message_source.h"

#include <algorithm>
#include <array>

#include "schema/text.h"
#include "schema/utf8.h"
#include "warehouse/attributes_json.h"
#include "warehouse/duckdb/handles.h"
#include "warehouse/duckdb/logical_type.h"
#include "warehouse/duckdb/vector_writer.h"

namespace afluente::warehouse::duckdb {
namespace {

enum Column : idx_t {
  kMessageIndex,
  kBody,
  kBodyBytes,
  kAttributes,
  kMessageId,
  kPublishTime,
  kOrderingKey,
  kDeliveryAttempt,
  kColumns,
};

constexpr std::array<const char*, kColumns> kNames = {
    "message_index", "data",         "data_bytes",   "attributes",
    "message_id",    "publish_time", "ordering_key", "delivery_attempt"};

LogicalTypeHandle TypeOf(Column column) {
  schema::Type type;
  switch (column) {
    case kMessageIndex:
      return LogicalTypeHandle(duckdb_create_logical_type(DUCKDB_TYPE_UBIGINT));
    case kBody:
    case kAttributes:
      type.kind = schema::TypeKind::kJson;
      break;
    case kBodyBytes:
      type.kind = schema::TypeKind::kBytes;
      break;
    case kPublishTime:
      type.kind = schema::TypeKind::kTimestamp;
      break;
    case kDeliveryAttempt:
      type.kind = schema::TypeKind::kInt64;
      break;
    default:
      type.kind = schema::TypeKind::kString;
      break;
  }
  return ToLogicalType(type);
}

// A scan under way: which columns are wanted and which message comes next.
struct Scan {
  std::vector<idx_t> columns;
  size_t next = 0;
};

void Bind(duckdb_bind_info info) {
  for (idx_t i = 0; i < kColumns; ++i) {
    LogicalTypeHandle type = TypeOf(static_cast<Column>(i));
    duckdb_bind_add_result_column(info, kNames[i], type.get());
  }
}

void Init(duckdb_init_info info) {
  auto* scan = new Scan();
  for (idx_t i = 0; i < duckdb_init_get_column_count(info); ++i) {
    scan->columns.push_back(duckdb_init_get_column_index(info, i));
  }
  duckdb_init_set_init_data(info, scan, [](void* done) { delete static_cast<Scan*>(done); });
  // One thread: rows come in message order.
  duckdb_init_set_max_threads(info, 1);
}

void PutText(duckdb_vector vector, idx_t row, std::string_view text) {
  duckdb_unsafe_vector_assign_string_element_len(vector, row, text.data(), text.size());
}

// False when a text is not UTF-8.
bool PutUtf8(duckdb_vector vector, idx_t row, std::string_view text) {
  if (!schema::IsUtf8(text)) return false;
  PutText(vector, row, text);
  return true;
}

bool Put(Column column, const MessageSource& source, size_t index, duckdb_vector vector,
         idx_t row) {
  const event::Message& message = *(*source.messages)[index];
  void* values = duckdb_vector_get_data(vector);
  switch (column) {
    case kMessageIndex:
      static_cast<uint64_t*>(values)[row] = index;
      return true;
    case kBody:
      return PutUtf8(vector, row, message.data);
    case kBodyBytes:
      PutText(vector, row, message.data);
      return true;
    case kAttributes:
      PutText(vector, row, AttributesJson(message.attributes));
      return true;
    case kMessageId:
      return PutUtf8(vector, row, message.message_id);
    case kPublishTime:
      static_cast<int64_t*>(values)[row] = message.publish_time.time_since_epoch().count();
      return true;
    case kOrderingKey:
      return PutUtf8(vector, row, message.ordering_key);
    case kDeliveryAttempt:
      static_cast<int64_t*>(values)[row] = (*source.delivery_attempts)[index];
      return true;
    case kColumns:
      break;
  }
  return true;
}

void Produce(duckdb_function_info info, duckdb_data_chunk output) {
  const auto& source = *static_cast<MessageSource*>(duckdb_function_get_extra_info(info));
  auto& scan = *static_cast<Scan*>(duckdb_function_get_init_data(info));
  size_t total = source.messages == nullptr ? 0 : source.messages->size();
  size_t count = std::min<size_t>(duckdb_vector_size(), total - scan.next);
  for (size_t k = 0; k < scan.columns.size(); ++k) {
    // Beyond the columns: DuckDB asks for a row id when the statement uses no column at all.
    if (scan.columns[k] >= kColumns) continue;
    auto column = static_cast<Column>(scan.columns[k]);
    duckdb_vector vector = duckdb_data_chunk_get_vector(output, k);
    for (size_t i = 0; i < count; ++i) {
      if (Put(column, source, scan.next + i, vector, i)) continue;
      std::string error = schema::Concat("messages.", kNames[column], " is not valid UTF-8");
      duckdb_function_set_error(info, error.c_str());
      return;
    }
  }
  scan.next += count;
  duckdb_data_chunk_set_size(output, count);
}

}  // namespace

absl::Status RegisterMessageSource(duckdb_connection connection, const std::string& name,
                                   MessageSource* source) {
  duckdb_table_function function = duckdb_create_table_function();
  duckdb_table_function_set_name(function, name.c_str());
  duckdb_table_function_set_extra_info(function, source, nullptr);
  duckdb_table_function_set_bind(function, Bind);
  duckdb_table_function_set_init(function, Init);
  duckdb_table_function_set_function(function, Produce);
  duckdb_table_function_supports_projection_pushdown(function, true);
  duckdb_state state = duckdb_register_table_function(connection, function);
  duckdb_destroy_table_function(&function);
  if (state == DuckDBSuccess) return absl::OkStatus();
  return absl::InternalError("DuckDB refused the transform's message source");
}

}  // namespace afluente::warehouse::duckdb
