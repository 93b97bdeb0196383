#include "warehouse/duckdb/vector_reader.h"

#include <limits>
#include <string>

#include "host/check.h"
#include "schema/interval.h"
#include "warehouse/duckdb/decimal_text.h"

namespace afluente::warehouse::duckdb {
namespace {

using schema::TypeKind;
using schema::Value;

// A vector's rows and which of them are NULL.
struct Source {
  duckdb_vector vector;
  uint64_t* validity;  // nullptr: none is NULL
  size_t from;
  size_t count;

  bool Valid(size_t i) const {
    return validity == nullptr || duckdb_validity_row_is_valid(validity, from + i);
  }
  template <typename T>
  const T* Values() const {
    return static_cast<const T*>(duckdb_vector_get_data(vector)) + from;
  }
};

template <typename T>
absl::Status ReadInts(const Source& source, ColumnVector& out) {
  const T* values = source.Values<T>();
  for (size_t i = 0; i < source.count; ++i) {
    out.ints.push_back(source.Valid(i) ? static_cast<int64_t>(values[i]) : 0);
  }
  return absl::OkStatus();
}

absl::Status ReadWide(const Source& source, ColumnVector& out) {
  const auto* values = source.Values<duckdb_hugeint>();
  for (size_t i = 0; i < source.count; ++i) {
    if (!source.Valid(i)) {
      out.ints.push_back(0);
      continue;
    }
    absl::int128 value = absl::MakeInt128(values[i].upper, values[i].lower);
    if (value > std::numeric_limits<int64_t>::max() ||
        value < std::numeric_limits<int64_t>::min()) {
      return absl::InvalidArgumentError("int64 overflow");
    }
    out.ints.push_back(static_cast<int64_t>(value));
  }
  return absl::OkStatus();
}

absl::Status ReadUnsigned(const Source& source, ColumnVector& out) {
  const auto* values = source.Values<uint64_t>();
  for (size_t i = 0; i < source.count; ++i) {
    if (source.Valid(i) && values[i] > std::numeric_limits<int64_t>::max()) {
      return absl::InvalidArgumentError("int64 overflow");
    }
    out.ints.push_back(source.Valid(i) ? static_cast<int64_t>(values[i]) : 0);
  }
  return absl::OkStatus();
}

// TIMESTAMP_S and _MS count in units of `micros`.
absl::Status ReadCoarse(const Source& source, int64_t micros, ColumnVector& out) {
  const auto* values = source.Values<int64_t>();
  for (size_t i = 0; i < source.count; ++i) {
    out.ints.push_back(source.Valid(i) ? values[i] * micros : 0);
  }
  return absl::OkStatus();
}

template <typename T>
absl::Status ReadDoubles(const Source& source, ColumnVector& out) {
  const T* values = source.Values<T>();
  for (size_t i = 0; i < source.count; ++i) {
    out.doubles.push_back(source.Valid(i) ? static_cast<double>(values[i]) : 0);
  }
  return absl::OkStatus();
}

void EndBytes(ColumnVector& out) { out.offsets.push_back(static_cast<uint32_t>(out.bytes.size())); }

absl::Status BytesFit(const ColumnVector& out) {
  if (out.bytes.size() > std::numeric_limits<uint32_t>::max()) {
    return absl::ResourceExhaustedError("a result batch holds more than 4 GiB in one column");
  }
  return absl::OkStatus();
}

absl::Status ReadStrings(const Source& source, ColumnVector& out) {
  auto* values = const_cast<duckdb_string_t*>(source.Values<duckdb_string_t>());
  for (size_t i = 0; i < source.count; ++i) {
    if (source.Valid(i)) {
      out.bytes.append(duckdb_string_t_data(&values[i]), duckdb_string_t_length(values[i]));
    }
    EndBytes(out);
  }
  return BytesFit(out);
}

template <typename T>
absl::Status ReadDecimals(const Source& source, int scale, ColumnVector& out) {
  const T* values = source.Values<T>();
  for (size_t i = 0; i < source.count; ++i) {
    if (source.Valid(i)) {
      absl::int128 value;
      if constexpr (std::is_same_v<T, duckdb_hugeint>) {
        value = absl::MakeInt128(values[i].upper, values[i].lower);
      } else {
        value = values[i];
      }
      AppendDecimal(value, scale, out.bytes);
    }
    EndBytes(out);
  }
  return BytesFit(out);
}

absl::Status ReadDecimal(const Source& source, duckdb_logical_type type, ColumnVector& out) {
  int scale = duckdb_decimal_scale(type);
  switch (duckdb_decimal_internal_type(type)) {
    case DUCKDB_TYPE_SMALLINT:
      return ReadDecimals<int16_t>(source, scale, out);
    case DUCKDB_TYPE_INTEGER:
      return ReadDecimals<int32_t>(source, scale, out);
    case DUCKDB_TYPE_BIGINT:
      return ReadDecimals<int64_t>(source, scale, out);
    default:
      return ReadDecimals<duckdb_hugeint>(source, scale, out);
  }
}

absl::Status ReadUuids(const Source& source, ColumnVector& out) {
  const auto* values = source.Values<duckdb_hugeint>();
  constexpr char kHex[] = "0123456789abcdef";
  for (size_t i = 0; i < source.count; ++i) {
    if (source.Valid(i)) {
      // DuckDB flips the top bit so that UUIDs sort as signed numbers.
      uint64_t high = static_cast<uint64_t>(values[i].upper) ^ (uint64_t{1} << 63);
      for (int digit = 0; digit < 32; ++digit) {
        uint64_t half = digit < 16 ? high : values[i].lower;
        if (digit == 8 || digit == 12 || digit == 16 || digit == 20) out.bytes += '-';
        out.bytes += kHex[(half >> (60 - 4 * (digit % 16))) & 15];
      }
    }
    EndBytes(out);
  }
  return BytesFit(out);
}

absl::Status ReadIntervals(const Source& source, ColumnVector& out) {
  const auto* values = source.Values<duckdb_interval>();
  for (size_t i = 0; i < source.count; ++i) {
    if (source.Valid(i)) {
      out.bytes += schema::FormatInterval({values[i].months, values[i].days, values[i].micros});
    }
    EndBytes(out);
  }
  return BytesFit(out);
}

absl::Status ReadLists(const Source& source, ColumnVector& out) {
  const auto* entries = source.Values<duckdb_list_entry>();
  duckdb_vector child = duckdb_list_vector_get_child(source.vector);
  // Neighbours in the child vector are read in one go.
  size_t run_from = 0;
  size_t run_length = 0;
  size_t total = out.children[0].size();
  for (size_t i = 0; i < source.count; ++i) {
    if (source.Valid(i) && entries[i].length > 0) {
      if (run_length > 0 && entries[i].offset != run_from + run_length) {
        AFLUENTE_RETURN_IF_ERROR(ReadVector(child, run_from, run_length, out.children[0]));
        run_length = 0;
      }
      if (run_length == 0) run_from = entries[i].offset;
      run_length += entries[i].length;
      total += entries[i].length;
    }
    out.offsets.push_back(static_cast<uint32_t>(total));
  }
  if (run_length == 0) return absl::OkStatus();
  return ReadVector(child, run_from, run_length, out.children[0]);
}

absl::Status ReadValues(const Source& source, duckdb_logical_type type, ColumnVector& out) {
  switch (duckdb_get_type_id(type)) {
    case DUCKDB_TYPE_BOOLEAN:
    case DUCKDB_TYPE_UTINYINT:
      return ReadInts<uint8_t>(source, out);
    case DUCKDB_TYPE_TINYINT:
      return ReadInts<int8_t>(source, out);
    case DUCKDB_TYPE_SMALLINT:
      return ReadInts<int16_t>(source, out);
    case DUCKDB_TYPE_USMALLINT:
      return ReadInts<uint16_t>(source, out);
    case DUCKDB_TYPE_INTEGER:
    case DUCKDB_TYPE_DATE:
    case DUCKDB_TYPE_SQLNULL:
      return ReadInts<int32_t>(source, out);
    case DUCKDB_TYPE_UINTEGER:
      return ReadInts<uint32_t>(source, out);
    case DUCKDB_TYPE_BIGINT:
    case DUCKDB_TYPE_TIMESTAMP:
    case DUCKDB_TYPE_TIMESTAMP_TZ:
    case DUCKDB_TYPE_TIME:
      return ReadInts<int64_t>(source, out);
    case DUCKDB_TYPE_TIMESTAMP_S:
      return ReadCoarse(source, 1'000'000, out);
    case DUCKDB_TYPE_TIMESTAMP_MS:
      return ReadCoarse(source, 1'000, out);
    case DUCKDB_TYPE_UBIGINT:
      return ReadUnsigned(source, out);
    case DUCKDB_TYPE_HUGEINT:
      return ReadWide(source, out);
    case DUCKDB_TYPE_FLOAT:
      return ReadDoubles<float>(source, out);
    case DUCKDB_TYPE_DOUBLE:
      return ReadDoubles<double>(source, out);
    case DUCKDB_TYPE_DECIMAL:
      return ReadDecimal(source, type, out);
    case DUCKDB_TYPE_VARCHAR:
    case DUCKDB_TYPE_BLOB:
      return ReadStrings(source, out);
    case DUCKDB_TYPE_UUID:
      return ReadUuids(source, out);
    case DUCKDB_TYPE_INTERVAL:
      return ReadIntervals(source, out);
    case DUCKDB_TYPE_LIST:
      return ReadLists(source, out);
    case DUCKDB_TYPE_STRUCT:
      for (size_t field = 0; field < out.children.size(); ++field) {
        AFLUENTE_RETURN_IF_ERROR(ReadVector(duckdb_struct_vector_get_child(source.vector, field),
                                            source.from, source.count, out.children[field]));
      }
      return absl::OkStatus();
    default:
      return absl::UnimplementedError("a result column has a type that is not supported");
  }
}

}  // namespace

ColumnVector EmptyColumn(const schema::Type& type) {
  ColumnVector column;
  column.type = type;
  switch (type.kind) {
    case TypeKind::kString:
    case TypeKind::kBytes:
    case TypeKind::kJson:
    case TypeKind::kNumeric:
    case TypeKind::kBigNumeric:
    case TypeKind::kInterval:
      column.offsets.push_back(0);
      break;
    case TypeKind::kRange:
      column.children.assign(2, EmptyColumn(type.fields[0].type));
      break;
    case TypeKind::kArray:
      column.offsets.push_back(0);
      column.children.push_back(EmptyColumn(type.fields[0].type));
      break;
    case TypeKind::kStruct:
      for (const schema::Field& field : type.fields) {
        column.children.push_back(EmptyColumn(field.type));
      }
      break;
    default:
      break;
  }
  return column;
}

absl::Status ReadVector(duckdb_vector vector, size_t from, size_t count, ColumnVector& out) {
  LogicalTypeHandle type(duckdb_vector_get_column_type(vector));
  Source source{vector, duckdb_vector_get_validity(vector), from, count};
  for (size_t i = 0; i < count; ++i) out.valid.push_back(source.Valid(i) ? 1 : 0);
  return ReadValues(source, type.get(), out);
}

Value ValueAt(const ColumnVector& column, size_t i) {
  if (column.IsNull(i)) return Value();
  switch (column.type.kind) {
    case TypeKind::kBool:
      return Value(column.ints[i] != 0);
    case TypeKind::kInt64:
    case TypeKind::kDate:
    case TypeKind::kDatetime:
    case TypeKind::kTime:
    case TypeKind::kTimestamp:
      return Value(column.ints[i]);
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
      for (uint32_t k = column.offsets[i]; k < column.offsets[i + 1]; ++k) {
        list.push_back(ValueAt(column.children[0], k));
      }
      return Value(std::move(list));
    }
    case TypeKind::kRange:
    case TypeKind::kStruct: {
      Value::List list;
      for (const ColumnVector& child : column.children) list.push_back(ValueAt(child, i));
      return Value(std::move(list));
    }
  }
  AFLUENTE_CHECK(false);
}

}  // namespace afluente::warehouse::duckdb
