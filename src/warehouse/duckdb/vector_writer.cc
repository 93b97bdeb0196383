#include "warehouse/duckdb/vector_writer.h"

#include <limits>
#include <string>

#include "host/check.h"
#include "schema/interval.h"
#include "schema/text.h"
#include "schema/utf8.h"
#include "warehouse/duckdb/decimal_text.h"
#include "warehouse/duckdb/logical_type.h"

namespace afluente::warehouse::duckdb {
namespace {

using schema::Type;
using schema::TypeKind;
using schema::Value;
using Values = absl::Span<const Value* const>;

// BigQuery's years 1 to 9999.
constexpr int64_t kDayMin = -719162;
constexpr int64_t kDayMax = 2932896;
constexpr int64_t kMicrosPerDay = 86'400'000'000;
constexpr int64_t kMicrosMin = kDayMin * kMicrosPerDay;
constexpr int64_t kMicrosMax = (kDayMax + 1) * kMicrosPerDay - 1;

absl::Status WrongShape(const Type& type) {
  return absl::InvalidArgumentError(schema::Concat("a value does not fit type ", type.ToString()));
}

absl::Status OutOfRange(std::string_view name) {
  return absl::InvalidArgumentError(schema::Concat(name, " value out of range"));
}

void SetNull(duckdb_vector vector, size_t row) {
  duckdb_vector_ensure_validity_writable(vector);
  duckdb_validity_set_row_invalid(duckdb_vector_get_validity(vector), row);
}

// Copies plain values of alternative `From` into the vector's array of `To`.
template <typename To, typename From>
absl::Status WritePlain(const Type& type, Values values, duckdb_vector vector, int64_t min = 0,
                        int64_t max = 0, std::string_view name = {}) {
  To* out = static_cast<To*>(duckdb_vector_get_data(vector));
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i]->is_null()) {
      SetNull(vector, i);
      continue;
    }
    const From* from = std::get_if<From>(&values[i]->data);
    if (from == nullptr) return WrongShape(type);
    if constexpr (std::is_same_v<From, int64_t>) {
      if (!name.empty() && (*from < min || *from > max)) return OutOfRange(name);
    }
    out[i] = static_cast<To>(*from);
  }
  return absl::OkStatus();
}

duckdb_hugeint ToHugeint(absl::int128 value) {
  return {absl::Int128Low64(value), absl::Int128High64(value)};
}

absl::Status WriteNumeric(const Type& type, Values values, duckdb_vector vector) {
  auto* out = static_cast<duckdb_hugeint*>(duckdb_vector_get_data(vector));
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i]->is_null()) {
      SetNull(vector, i);
      continue;
    }
    const auto* text = std::get_if<std::string>(&values[i]->data);
    if (text == nullptr) return WrongShape(type);
    AFLUENTE_ASSIGN_OR_RETURN(absl::int128 scaled, ParseNumeric(*text));
    out[i] = ToHugeint(scaled);
  }
  return absl::OkStatus();
}

absl::Status WriteText(const Type& type, Values values, duckdb_vector vector) {
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i]->is_null()) {
      SetNull(vector, i);
      continue;
    }
    const auto* text = std::get_if<std::string>(&values[i]->data);
    if (text == nullptr) return WrongShape(type);
    if (type.kind == TypeKind::kBigNumeric) {
      AFLUENTE_ASSIGN_OR_RETURN(std::string canonical, CanonicalBigNumeric(*text));
      duckdb_vector_assign_string_element_len(vector, i, canonical.data(), canonical.size());
      continue;
    }
    if (type.kind != TypeKind::kBytes && !schema::IsUtf8(*text)) {
      return absl::InvalidArgumentError("a STRING value is not valid UTF-8");
    }
    // Checked above, so the unchecked call: DuckDB's own check would be a second pass.
    duckdb_unsafe_vector_assign_string_element_len(vector, i, text->data(), text->size());
  }
  return absl::OkStatus();
}

absl::Status WriteIntervals(const Type& type, Values values, duckdb_vector vector) {
  auto* out = static_cast<duckdb_interval*>(duckdb_vector_get_data(vector));
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i]->is_null()) {
      SetNull(vector, i);
      continue;
    }
    const auto* text = std::get_if<std::string>(&values[i]->data);
    std::optional<schema::Interval> interval;
    if (text != nullptr) interval = schema::ParseInterval(*text);
    if (!interval) return WrongShape(type);
    out[i] = {static_cast<int32_t>(interval->months), static_cast<int32_t>(interval->days),
              interval->micros};
  }
  return absl::OkStatus();
}

// What a RANGE is stored as: its start and its end.
Type RangeAsStruct(const Type& type) {
  return Type::Struct({{"[", type.fields[0].type}, {")", type.fields[0].type}});
}

absl::Status WriteArray(const Type& type, Values values, duckdb_vector vector,
                        NullElements null_elements) {
  auto* entries = static_cast<duckdb_list_entry*>(duckdb_vector_get_data(vector));
  std::vector<const Value*> elements;
  for (size_t i = 0; i < values.size(); ++i) {
    entries[i] = {elements.size(), 0};
    if (values[i]->is_null()) {
      SetNull(vector, i);
      continue;
    }
    const auto* list = std::get_if<Value::List>(&values[i]->data);
    if (list == nullptr) return WrongShape(type);
    for (const Value& element : *list) {
      if (element.is_null() && null_elements == NullElements::kRefused) {
        return absl::InvalidArgumentError("Array cannot have a null element");
      }
      elements.push_back(&element);
    }
    entries[i].length = list->size();
  }
  duckdb_list_vector_reserve(vector, elements.size());
  duckdb_list_vector_set_size(vector, elements.size());
  return WriteVector(type.fields[0].type, elements, duckdb_list_vector_get_child(vector),
                     null_elements);
}

absl::Status WriteStruct(const Type& type, Values values, duckdb_vector vector,
                         NullElements null_elements) {
  static const Value kNull;
  std::vector<const Value*> members(values.size());
  for (size_t field = 0; field < type.fields.size(); ++field) {
    for (size_t i = 0; i < values.size(); ++i) {
      const auto* list = std::get_if<Value::List>(&values[i]->data);
      if (list == nullptr && !values[i]->is_null()) return WrongShape(type);
      if (list != nullptr && list->size() != type.fields.size()) return WrongShape(type);
      members[i] = list == nullptr ? &kNull : &(*list)[field];
    }
    AFLUENTE_RETURN_IF_ERROR(WriteVector(type.fields[field].type, members,
                                         duckdb_struct_vector_get_child(vector, field),
                                         null_elements));
  }
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i]->is_null()) SetNull(vector, i);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status WriteVector(const Type& type, Values values, duckdb_vector vector,
                         NullElements null_elements) {
  switch (type.kind) {
    case TypeKind::kBool:
      return WritePlain<bool, bool>(type, values, vector);
    case TypeKind::kInt64:
      return WritePlain<int64_t, int64_t>(type, values, vector);
    case TypeKind::kFloat64:
      return WritePlain<double, double>(type, values, vector);
    case TypeKind::kDate:
      return WritePlain<int32_t, int64_t>(type, values, vector, kDayMin, kDayMax, "DATE");
    case TypeKind::kDatetime:
      return WritePlain<int64_t, int64_t>(type, values, vector, kMicrosMin, kMicrosMax, "DATETIME");
    case TypeKind::kTimestamp:
      return WritePlain<int64_t, int64_t>(type, values, vector, kMicrosMin, kMicrosMax,
                                          "TIMESTAMP");
    case TypeKind::kTime:
      return WritePlain<int64_t, int64_t>(type, values, vector, 0, kMicrosPerDay - 1, "TIME");
    case TypeKind::kNumeric:
      return WriteNumeric(type, values, vector);
    case TypeKind::kBigNumeric:
    case TypeKind::kString:
    case TypeKind::kBytes:
    case TypeKind::kJson:
      return WriteText(type, values, vector);
    case TypeKind::kArray:
      return WriteArray(type, values, vector, null_elements);
    case TypeKind::kStruct:
      return WriteStruct(type, values, vector, null_elements);
    case TypeKind::kInterval:
      return WriteIntervals(type, values, vector);
    case TypeKind::kRange:
      return WriteStruct(RangeAsStruct(type), values, vector, null_elements);
  }
  AFLUENTE_CHECK(false);
}

namespace {

absl::StatusOr<ValueHandle> CompositeValue(const Type& type, const Value::List& list) {
  bool array = type.kind == TypeKind::kArray;
  if (!array && list.size() != type.fields.size()) return WrongShape(type);
  std::vector<ValueHandle> owned;
  std::vector<duckdb_value> handles;
  for (size_t i = 0; i < list.size(); ++i) {
    const Type& member = array ? type.fields[0].type : type.fields[i].type;
    AFLUENTE_ASSIGN_OR_RETURN(ValueHandle value, ToDuckdbValue(member, list[i]));
    handles.push_back(value.get());
    owned.push_back(std::move(value));
  }
  // DuckDB refuses a null pointer even when the list is empty.
  if (handles.empty()) handles.reserve(1);
  LogicalTypeHandle logical = ToLogicalType(array ? type.fields[0].type : type);
  duckdb_value made = array ? duckdb_create_list_value(logical.get(), handles.data(), list.size())
                            : duckdb_create_struct_value(logical.get(), handles.data());
  if (made == nullptr) return WrongShape(type);
  return ValueHandle(made);
}

absl::StatusOr<ValueHandle> TextValue(const Type& type, const std::string& text) {
  switch (type.kind) {
    case TypeKind::kNumeric: {
      AFLUENTE_ASSIGN_OR_RETURN(absl::int128 scaled, ParseNumeric(text));
      return ValueHandle(duckdb_create_decimal({38, 9, ToHugeint(scaled)}));
    }
    case TypeKind::kBytes:
      return ValueHandle(
          duckdb_create_blob(reinterpret_cast<const uint8_t*>(text.data()), text.size()));
    case TypeKind::kBigNumeric: {
      AFLUENTE_ASSIGN_OR_RETURN(std::string canonical, CanonicalBigNumeric(text));
      return ValueHandle(duckdb_create_varchar_length(canonical.data(), canonical.size()));
    }
    case TypeKind::kInterval: {
      std::optional<schema::Interval> interval = schema::ParseInterval(text);
      if (!interval) return WrongShape(type);
      return ValueHandle(
          duckdb_create_interval({static_cast<int32_t>(interval->months),
                                  static_cast<int32_t>(interval->days), interval->micros}));
    }
    case TypeKind::kString:
    case TypeKind::kJson:
      if (!schema::IsUtf8(text))
        return absl::InvalidArgumentError("a STRING value is not valid UTF-8");
      return ValueHandle(duckdb_create_varchar_length(text.data(), text.size()));
    default:
      return WrongShape(type);
  }
}

absl::StatusOr<ValueHandle> IntegerValue(const Type& type, int64_t value) {
  switch (type.kind) {
    case TypeKind::kInt64:
      return ValueHandle(duckdb_create_int64(value));
    case TypeKind::kDate:
      if (value < kDayMin || value > kDayMax) return OutOfRange("DATE");
      return ValueHandle(duckdb_create_date({static_cast<int32_t>(value)}));
    case TypeKind::kTime:
      if (value < 0 || value >= kMicrosPerDay) return OutOfRange("TIME");
      return ValueHandle(duckdb_create_time({value}));
    case TypeKind::kDatetime:
      if (value < kMicrosMin || value > kMicrosMax) return OutOfRange("DATETIME");
      return ValueHandle(duckdb_create_timestamp({value}));
    case TypeKind::kTimestamp:
      if (value < kMicrosMin || value > kMicrosMax) return OutOfRange("TIMESTAMP");
      return ValueHandle(duckdb_create_timestamp_tz({value}));
    default:
      return WrongShape(type);
  }
}

}  // namespace

absl::StatusOr<ValueHandle> ToDuckdbValue(const Type& type, const Value& value) {
  if (value.is_null()) return ValueHandle(duckdb_create_null_value());
  if (type.kind == TypeKind::kRange) return ToDuckdbValue(RangeAsStruct(type), value);
  if (const auto* list = std::get_if<Value::List>(&value.data)) {
    if (type.kind != TypeKind::kArray && type.kind != TypeKind::kStruct) return WrongShape(type);
    return CompositeValue(type, *list);
  }
  if (const auto* text = std::get_if<std::string>(&value.data)) return TextValue(type, *text);
  if (const auto* integer = std::get_if<int64_t>(&value.data)) return IntegerValue(type, *integer);
  if (const auto* number = std::get_if<double>(&value.data)) {
    if (type.kind != TypeKind::kFloat64) return WrongShape(type);
    return ValueHandle(duckdb_create_double(*number));
  }
  if (type.kind != TypeKind::kBool) return WrongShape(type);
  return ValueHandle(duckdb_create_bool(std::get<bool>(value.data)));
}

}  // namespace afluente::warehouse::duckdb
