#include "warehouse/bigquery/row_proto.h"

#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/wire_format_lite.h>

#include <utility>

#include "schema/format_value.h"
#include "schema/text.h"

namespace afluente::warehouse::bigquery {
namespace {

using google::protobuf::DescriptorProto;
using google::protobuf::FieldDescriptorProto;
using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedOutputStream;
using google::protobuf::io::StringOutputStream;
using schema::Type;
using schema::TypeKind;
using schema::Value;

FieldDescriptorProto::Type ProtoType(TypeKind kind) {
  switch (kind) {
    case TypeKind::kBool:
      return FieldDescriptorProto::TYPE_BOOL;
    case TypeKind::kInt64:
    case TypeKind::kTimestamp:
      return FieldDescriptorProto::TYPE_INT64;
    case TypeKind::kDate:
      return FieldDescriptorProto::TYPE_INT32;
    case TypeKind::kFloat64:
      return FieldDescriptorProto::TYPE_DOUBLE;
    case TypeKind::kBytes:
      return FieldDescriptorProto::TYPE_BYTES;
    case TypeKind::kStruct:
      return FieldDescriptorProto::TYPE_MESSAGE;
    default:
      return FieldDescriptorProto::TYPE_STRING;
  }
}

void AddField(DescriptorProto* message, const std::string& name, const Type& type, int number) {
  const bool repeated = type.kind == TypeKind::kArray;
  const Type& single = repeated ? type.element() : type;
  FieldDescriptorProto* field = message->add_field();
  field->set_name(name);
  field->set_number(number);
  field->set_label(repeated ? FieldDescriptorProto::LABEL_REPEATED
                            : FieldDescriptorProto::LABEL_OPTIONAL);
  field->set_type(ProtoType(single.kind));
  if (single.kind != TypeKind::kStruct) return;
  const std::string nested_name = schema::Concat("Struct", number);
  field->set_type_name(nested_name);
  DescriptorProto* nested = message->add_nested_type();
  nested->set_name(nested_name);
  int inner = 0;
  for (const schema::Field& each : single.fields) AddField(nested, each.name, each.type, ++inner);
}

std::string TextOf(TypeKind kind, const Value& value) {
  if (kind == TypeKind::kDatetime) return schema::FormatDatetime(std::get<int64_t>(value.data));
  if (kind == TypeKind::kTime) return schema::FormatTime(std::get<int64_t>(value.data));
  return std::get<std::string>(value.data);
}

void WriteText(int number, const std::string& text, CodedOutputStream& out) {
  out.WriteTag(WireFormatLite::MakeTag(number, WireFormatLite::WIRETYPE_LENGTH_DELIMITED));
  out.WriteVarint32(static_cast<uint32_t>(text.size()));
  out.WriteString(text);
}

std::string EncodeStruct(const Type& type, const Value::List& values);

void WriteSingle(int number, const Type& type, const Value& value, CodedOutputStream& out) {
  switch (type.kind) {
    case TypeKind::kBool:
      return WireFormatLite::WriteBool(number, std::get<bool>(value.data), &out);
    case TypeKind::kInt64:
    case TypeKind::kTimestamp:
      return WireFormatLite::WriteInt64(number, std::get<int64_t>(value.data), &out);
    case TypeKind::kDate:
      return WireFormatLite::WriteInt32(number, static_cast<int32_t>(std::get<int64_t>(value.data)),
                                        &out);
    case TypeKind::kFloat64:
      return WireFormatLite::WriteDouble(number, std::get<double>(value.data), &out);
    case TypeKind::kStruct:
      return WriteText(number, EncodeStruct(type, std::get<Value::List>(value.data)), out);
    default:
      return WriteText(number, TextOf(type.kind, value), out);
  }
}

void WriteValue(int number, const Type& type, const Value& value, CodedOutputStream& out) {
  if (value.is_null()) return;
  if (type.kind != TypeKind::kArray) return WriteSingle(number, type, value, out);
  for (const Value& element : std::get<Value::List>(value.data)) {
    WriteSingle(number, type.element(), element, out);
  }
}

std::string EncodeStruct(const Type& type, const Value::List& values) {
  std::string bytes;
  StringOutputStream stream(&bytes);
  CodedOutputStream out(&stream);
  for (size_t i = 0; i < values.size(); ++i) {
    WriteValue(static_cast<int>(i) + 1, type.fields[i].type, values[i], out);
  }
  out.Trim();
  return bytes;
}

Type StringType() {
  Type type;
  type.kind = TypeKind::kString;
  return type;
}

}  // namespace

RowProto::RowProto(std::vector<schema::Column> columns, bool upsert)
    : columns_(std::move(columns)), upsert_(upsert) {}

void RowProto::Describe(DescriptorProto* descriptor) const {
  descriptor->set_name("Row");
  int number = 0;
  for (const schema::Column& column : columns_) {
    AddField(descriptor, column.name, column.type, ++number);
  }
  if (!upsert_) return;
  AddField(descriptor, "_CHANGE_TYPE", StringType(), ++number);
  AddField(descriptor, "_CHANGE_SEQUENCE_NUMBER", StringType(), ++number);
}

std::string RowProto::Encode(const std::vector<Value>& values, std::string_view version) const {
  std::string bytes;
  StringOutputStream stream(&bytes);
  CodedOutputStream out(&stream);
  int number = 0;
  for (const schema::Column& column : columns_) {
    ++number;
    WriteValue(number, column.type, values[static_cast<size_t>(number) - 1], out);
  }
  if (upsert_) {
    WriteText(++number, "UPSERT", out);
    WriteText(++number, std::string(version), out);
  }
  out.Trim();
  return bytes;
}

}  // namespace afluente::warehouse::bigquery
