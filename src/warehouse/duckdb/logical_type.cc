#include "warehouse/duckdb/logical_type.h"

#include <vector>

#include "host/check.h"
#include "schema/text.h"

namespace afluente::warehouse::duckdb {
namespace {

using schema::Type;
using schema::TypeKind;

constexpr const char* kBigNumeric = "BIGNUMERIC";
// A RANGE is stored as a STRUCT whose fields have names that no user's field may have.
constexpr const char* kRangeFields[] = {"[", ")"};

Type Scalar(TypeKind kind) {
  Type type;
  type.kind = kind;
  return type;
}

LogicalTypeHandle Aliased(const char* alias) {
  LogicalTypeHandle type(duckdb_create_logical_type(DUCKDB_TYPE_VARCHAR));
  duckdb_logical_type_set_alias(type.get(), alias);
  return type;
}

LogicalTypeHandle StructType(const Type& type) {
  std::vector<LogicalTypeHandle> members;
  std::vector<duckdb_logical_type> handles;
  std::vector<const char*> names;
  for (const schema::Field& field : type.fields) {
    members.push_back(ToLogicalType(field.type));
    handles.push_back(members.back().get());
    names.push_back(field.name.c_str());
  }
  return LogicalTypeHandle(duckdb_create_struct_type(handles.data(), names.data(), handles.size()));
}

LogicalTypeHandle RangeType(const Type& type) {
  LogicalTypeHandle element = ToLogicalType(type.fields[0].type);
  duckdb_logical_type handles[] = {element.get(), element.get()};
  return LogicalTypeHandle(
      duckdb_create_struct_type(handles, const_cast<const char**>(kRangeFields), 2));
}

bool IsRange(duckdb_logical_type type) {
  return duckdb_struct_type_child_count(type) == 2 &&
         TakeString(duckdb_struct_type_child_name(type, 0)) == kRangeFields[0] &&
         TakeString(duckdb_struct_type_child_name(type, 1)) == kRangeFields[1];
}

absl::StatusOr<Type> FromStruct(duckdb_logical_type type) {
  if (IsRange(type)) {
    LogicalTypeHandle bound(duckdb_struct_type_child_type(type, 0));
    AFLUENTE_ASSIGN_OR_RETURN(Type element, FromLogicalType(bound.get()));
    return Type::Range(std::move(element));
  }
  Type result = Scalar(TypeKind::kStruct);
  for (idx_t i = 0; i < duckdb_struct_type_child_count(type); ++i) {
    LogicalTypeHandle child(duckdb_struct_type_child_type(type, i));
    AFLUENTE_ASSIGN_OR_RETURN(Type field, FromLogicalType(child.get()));
    result.fields.push_back({TakeString(duckdb_struct_type_child_name(type, i)), std::move(field)});
  }
  return result;
}

}  // namespace

std::string SqlType(const Type& type) {
  switch (type.kind) {
    case TypeKind::kBool:
      return "BOOLEAN";
    case TypeKind::kInt64:
      return "BIGINT";
    case TypeKind::kFloat64:
      return "DOUBLE";
    case TypeKind::kNumeric:
      return "DECIMAL(38,9)";
    case TypeKind::kBigNumeric:
      return kBigNumeric;
    case TypeKind::kString:
      return "VARCHAR";
    case TypeKind::kBytes:
      return "BLOB";
    case TypeKind::kDate:
      return "DATE";
    case TypeKind::kDatetime:
      return "TIMESTAMP";
    case TypeKind::kTime:
      return "TIME";
    case TypeKind::kTimestamp:
      return "TIMESTAMP WITH TIME ZONE";
    case TypeKind::kJson:
      return "JSON";
    case TypeKind::kArray:
      return SqlType(type.fields[0].type) + "[]";
    case TypeKind::kInterval:
      return "INTERVAL";
    case TypeKind::kRange: {
      const std::string element = SqlType(type.fields[0].type);
      return schema::Concat("STRUCT(\"[\" ", element, ", \")\" ", element, ")");
    }
    case TypeKind::kStruct:
      break;
  }
  std::string sql = "STRUCT(";
  for (size_t i = 0; i < type.fields.size(); ++i) {
    sql += schema::Concat(i == 0 ? "" : ", ", QuoteIdentifier(type.fields[i].name), " ",
                          SqlType(type.fields[i].type));
  }
  return sql + ")";
}

LogicalTypeHandle ToLogicalType(const Type& type) {
  auto of = [](duckdb_type id) { return LogicalTypeHandle(duckdb_create_logical_type(id)); };
  switch (type.kind) {
    case TypeKind::kBool:
      return of(DUCKDB_TYPE_BOOLEAN);
    case TypeKind::kInt64:
      return of(DUCKDB_TYPE_BIGINT);
    case TypeKind::kFloat64:
      return of(DUCKDB_TYPE_DOUBLE);
    case TypeKind::kNumeric:
      return LogicalTypeHandle(duckdb_create_decimal_type(38, 9));
    case TypeKind::kBigNumeric:
      return Aliased(kBigNumeric);
    case TypeKind::kString:
      return of(DUCKDB_TYPE_VARCHAR);
    case TypeKind::kBytes:
      return of(DUCKDB_TYPE_BLOB);
    case TypeKind::kDate:
      return of(DUCKDB_TYPE_DATE);
    case TypeKind::kDatetime:
      return of(DUCKDB_TYPE_TIMESTAMP);
    case TypeKind::kTime:
      return of(DUCKDB_TYPE_TIME);
    case TypeKind::kTimestamp:
      return of(DUCKDB_TYPE_TIMESTAMP_TZ);
    case TypeKind::kJson:
      return Aliased("JSON");
    case TypeKind::kArray: {
      LogicalTypeHandle element = ToLogicalType(type.fields[0].type);
      return LogicalTypeHandle(duckdb_create_list_type(element.get()));
    }
    case TypeKind::kInterval:
      return of(DUCKDB_TYPE_INTERVAL);
    case TypeKind::kRange:
      return RangeType(type);
    case TypeKind::kStruct:
      return StructType(type);
  }
  AFLUENTE_CHECK(false);
}

absl::StatusOr<Type> FromLogicalType(duckdb_logical_type type) {
  switch (duckdb_get_type_id(type)) {
    case DUCKDB_TYPE_BOOLEAN:
      return Scalar(TypeKind::kBool);
    case DUCKDB_TYPE_TINYINT:
    case DUCKDB_TYPE_SMALLINT:
    case DUCKDB_TYPE_INTEGER:
    case DUCKDB_TYPE_BIGINT:
    case DUCKDB_TYPE_UTINYINT:
    case DUCKDB_TYPE_USMALLINT:
    case DUCKDB_TYPE_UINTEGER:
    case DUCKDB_TYPE_UBIGINT:
    case DUCKDB_TYPE_HUGEINT:
    case DUCKDB_TYPE_SQLNULL:
    // A parameter that nothing types; GoogleSQL's untyped NULL is INT64 too.
    case DUCKDB_TYPE_INVALID:
      return Scalar(TypeKind::kInt64);
    case DUCKDB_TYPE_FLOAT:
    case DUCKDB_TYPE_DOUBLE:
      return Scalar(TypeKind::kFloat64);
    case DUCKDB_TYPE_DECIMAL:
      // NUMERIC has 9 digits after the point: more come from BIGNUMERIC arithmetic alone.
      return Scalar(duckdb_decimal_scale(type) > 9 ? TypeKind::kBigNumeric : TypeKind::kNumeric);
    case DUCKDB_TYPE_VARCHAR: {
      std::string alias = TakeString(duckdb_logical_type_get_alias(type));
      if (alias == "JSON") return Scalar(TypeKind::kJson);
      if (alias == kBigNumeric) return Scalar(TypeKind::kBigNumeric);
      return Scalar(TypeKind::kString);
    }
    case DUCKDB_TYPE_UUID:
    case DUCKDB_TYPE_STRING_LITERAL:
      return Scalar(TypeKind::kString);
    case DUCKDB_TYPE_INTEGER_LITERAL:
      return Scalar(TypeKind::kInt64);
    case DUCKDB_TYPE_BLOB:
      return Scalar(TypeKind::kBytes);
    case DUCKDB_TYPE_DATE:
      return Scalar(TypeKind::kDate);
    case DUCKDB_TYPE_TIMESTAMP:
    case DUCKDB_TYPE_TIMESTAMP_S:
    case DUCKDB_TYPE_TIMESTAMP_MS:
      return Scalar(TypeKind::kDatetime);
    case DUCKDB_TYPE_INTERVAL:
      return Scalar(TypeKind::kInterval);
    case DUCKDB_TYPE_TIME:
      return Scalar(TypeKind::kTime);
    case DUCKDB_TYPE_TIMESTAMP_TZ:
      return Scalar(TypeKind::kTimestamp);
    case DUCKDB_TYPE_LIST: {
      LogicalTypeHandle child(duckdb_list_type_child_type(type));
      AFLUENTE_ASSIGN_OR_RETURN(Type element, FromLogicalType(child.get()));
      Type array = Scalar(TypeKind::kArray);
      array.fields.push_back({"", std::move(element)});
      return array;
    }
    case DUCKDB_TYPE_STRUCT:
      return FromStruct(type);
    default:
      return absl::UnimplementedError("a result column has a type that is not supported");
  }
}

bool RegisterBigNumeric(duckdb_connection connection) {
  LogicalTypeHandle type = Aliased(kBigNumeric);
  return duckdb_register_logical_type(connection, type.get(), nullptr) == DuckDBSuccess;
}

}  // namespace afluente::warehouse::duckdb
