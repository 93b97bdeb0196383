#include "warehouse/storage/table_schema_proto.h"

#include "google/cloud/bigquery/storage/v1/table.pb.h"

namespace afluente::warehouse::storage {
namespace {

namespace v1 = google::cloud::bigquery::storage::v1;
using schema::Type;
using schema::TypeKind;

v1::TableFieldSchema::Type KindOf(TypeKind kind) {
  switch (kind) {
    case TypeKind::kBool:
      return v1::TableFieldSchema::BOOL;
    case TypeKind::kInt64:
      return v1::TableFieldSchema::INT64;
    case TypeKind::kFloat64:
      return v1::TableFieldSchema::DOUBLE;
    case TypeKind::kNumeric:
      return v1::TableFieldSchema::NUMERIC;
    case TypeKind::kBigNumeric:
      return v1::TableFieldSchema::BIGNUMERIC;
    case TypeKind::kString:
      return v1::TableFieldSchema::STRING;
    case TypeKind::kBytes:
      return v1::TableFieldSchema::BYTES;
    case TypeKind::kDate:
      return v1::TableFieldSchema::DATE;
    case TypeKind::kDatetime:
      return v1::TableFieldSchema::DATETIME;
    case TypeKind::kTime:
      return v1::TableFieldSchema::TIME;
    case TypeKind::kTimestamp:
      return v1::TableFieldSchema::TIMESTAMP;
    case TypeKind::kJson:
      return v1::TableFieldSchema::JSON;
    case TypeKind::kStruct:
      return v1::TableFieldSchema::STRUCT;
    case TypeKind::kInterval:
      return v1::TableFieldSchema::INTERVAL;
    case TypeKind::kRange:
      return v1::TableFieldSchema::RANGE;
    case TypeKind::kArray:
      break;
  }
  return v1::TableFieldSchema::TYPE_UNSPECIFIED;
}

void FillField(const std::string& name, const Type& type, v1::TableFieldSchema* field) {
  const bool repeated = type.kind == TypeKind::kArray;
  const Type& single = repeated ? type.element() : type;
  field->set_name(name);
  field->set_type(KindOf(single.kind));
  field->set_mode(repeated ? v1::TableFieldSchema::REPEATED : v1::TableFieldSchema::NULLABLE);
  if (single.kind == TypeKind::kRange) {
    field->mutable_range_element_type()->set_type(KindOf(single.fields[0].type.kind));
  }
  if (single.kind != TypeKind::kStruct) return;
  for (const schema::Field& inner : single.fields) {
    FillField(inner.name, inner.type, field->add_fields());
  }
}

}  // namespace

void FillTableSchema(const std::vector<schema::Column>& columns, v1::TableSchema* answer) {
  for (const schema::Column& column : columns) {
    v1::TableFieldSchema* field = answer->add_fields();
    FillField(column.name, column.type, field);
    field->set_description(column.description);
    if (column.mode == schema::Mode::kRequired) field->set_mode(v1::TableFieldSchema::REQUIRED);
  }
}

}  // namespace afluente::warehouse::storage
