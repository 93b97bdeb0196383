#include "function/row_text.h"

#include <cmath>

#include "schema/format_value.h"
#include "telemetry/json_string.h"

namespace afluente::function {
namespace {

using schema::Type;
using schema::TypeKind;
using schema::Value;

void AppendList(const Type& type, const Value::List& values, std::string& out) {
  const bool array = type.kind == TypeKind::kArray;
  out += array ? '[' : '{';
  for (size_t i = 0; i < values.size(); ++i) {
    if (i > 0) out += ',';
    if (!array) {
      telemetry::AppendJsonString(out, type.fields[i].name);
      out += ':';
    }
    AppendJsonText(array ? type.element() : type.fields[i].type, values[i], out);
  }
  out += array ? ']' : '}';
}

// Of kinds that are a text in JSON; empty for others.
std::string AsText(TypeKind kind, const Value& value) {
  switch (kind) {
    case TypeKind::kBytes:
      return schema::FormatBase64(std::get<std::string>(value.data));
    case TypeKind::kDate:
      return schema::FormatDate(std::get<int64_t>(value.data));
    case TypeKind::kTime:
      return schema::FormatTime(std::get<int64_t>(value.data));
    case TypeKind::kDatetime:
      return schema::FormatDatetime(std::get<int64_t>(value.data));
    case TypeKind::kTimestamp:
      return schema::FormatRfc3339(std::get<int64_t>(value.data));
    default:
      return std::get<std::string>(value.data);
  }
}

}  // namespace

void AppendJsonText(const Type& type, const Value& value, std::string& out) {
  if (value.is_null()) {
    // A NULL array is stored as an empty one.
    out += type.kind == TypeKind::kArray ? "[]" : "null";
    return;
  }
  switch (type.kind) {
    case TypeKind::kBool:
      out += std::get<bool>(value.data) ? "true" : "false";
      return;
    case TypeKind::kInt64:
      out += std::to_string(std::get<int64_t>(value.data));
      return;
    case TypeKind::kFloat64: {
      const double number = std::get<double>(value.data);
      const std::string text = schema::FormatFloat64(number);
      if (std::isfinite(number)) {
        out += text;
      } else {
        telemetry::AppendJsonString(out, text);
      }
      return;
    }
    case TypeKind::kJson:
      out += std::get<std::string>(value.data);
      return;
    case TypeKind::kArray:
    case TypeKind::kStruct:
      AppendList(type, std::get<Value::List>(value.data), out);
      return;
    default:
      telemetry::AppendJsonString(out, AsText(type.kind, value));
  }
}

}  // namespace afluente::function
