#include "warehouse/storage/proto_value.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <optional>
#include <utility>
#include <vector>

#include "host/check.h"
#include "schema/civil_time.h"
#include "schema/decimal.h"
#include "schema/format_value.h"
#include "schema/parse_value.h"
#include "schema/text.h"

namespace afluente::warehouse::storage {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using schema::Concat;
using schema::Type;
using schema::TypeKind;
using schema::Value;

// What a field's values are, whatever their width.
enum class Shape { kInteger, kFloat, kBool, kString, kBytes, kMessage };

Shape ShapeOf(const FieldDescriptor& field) {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return Shape::kBool;
    case FieldDescriptor::CPPTYPE_FLOAT:
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return Shape::kFloat;
    case FieldDescriptor::CPPTYPE_STRING:
      return field.type() == FieldDescriptor::TYPE_BYTES ? Shape::kBytes : Shape::kString;
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return Shape::kMessage;
    default:
      return Shape::kInteger;
  }
}

bool Converts(Shape shape, TypeKind kind) {
  switch (kind) {
    case TypeKind::kBool:
    case TypeKind::kInt64:
      return shape == Shape::kBool || shape == Shape::kInteger;
    case TypeKind::kFloat64:
      return shape == Shape::kFloat || shape == Shape::kInteger;
    case TypeKind::kNumeric:
    case TypeKind::kBigNumeric:
      return shape != Shape::kBool && shape != Shape::kMessage;
    case TypeKind::kBytes:
      return shape == Shape::kBytes || shape == Shape::kString;
    case TypeKind::kDate:
    case TypeKind::kDatetime:
    case TypeKind::kTime:
    case TypeKind::kTimestamp:
      return shape == Shape::kInteger || shape == Shape::kString;
    case TypeKind::kStruct:
      return shape == Shape::kMessage;
    default:
      return shape == Shape::kString;
  }
}

// One value of a field: element `index` of a repeated one, else the field's own (index < 0).
struct Place {
  const Message& message;
  const FieldDescriptor& field;
  int index;

  const Reflection& reflection() const { return *message.GetReflection(); }
  bool repeated() const { return index >= 0; }
};

int64_t Integer(const Place& at) {
  const Reflection& reflection = at.reflection();
  switch (at.field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return at.repeated() ? reflection.GetRepeatedInt32(at.message, &at.field, at.index)
                           : reflection.GetInt32(at.message, &at.field);
    case FieldDescriptor::CPPTYPE_INT64:
      return at.repeated() ? reflection.GetRepeatedInt64(at.message, &at.field, at.index)
                           : reflection.GetInt64(at.message, &at.field);
    case FieldDescriptor::CPPTYPE_UINT32:
      return at.repeated() ? reflection.GetRepeatedUInt32(at.message, &at.field, at.index)
                           : reflection.GetUInt32(at.message, &at.field);
    case FieldDescriptor::CPPTYPE_BOOL:
      return at.repeated() ? reflection.GetRepeatedBool(at.message, &at.field, at.index)
                           : reflection.GetBool(at.message, &at.field);
    case FieldDescriptor::CPPTYPE_ENUM:
      return at.repeated() ? reflection.GetRepeatedEnumValue(at.message, &at.field, at.index)
                           : reflection.GetEnumValue(at.message, &at.field);
    default:
      AFLUENTE_CHECK(false);  // CheckConversion lets no other through
  }
}

double Float(const Place& at) {
  const Reflection& reflection = at.reflection();
  if (at.field.cpp_type() == FieldDescriptor::CPPTYPE_DOUBLE) {
    return at.repeated() ? reflection.GetRepeatedDouble(at.message, &at.field, at.index)
                         : reflection.GetDouble(at.message, &at.field);
  }
  if (at.field.cpp_type() == FieldDescriptor::CPPTYPE_FLOAT) {
    return at.repeated() ? reflection.GetRepeatedFloat(at.message, &at.field, at.index)
                         : reflection.GetFloat(at.message, &at.field);
  }
  return static_cast<double>(Integer(at));
}

std::string Text(const Place& at) {
  return at.repeated() ? at.reflection().GetRepeatedString(at.message, &at.field, at.index)
                       : at.reflection().GetString(at.message, &at.field);
}

absl::Status DoesNotFit(const Place& at, const Type& type) {
  return absl::InvalidArgumentError(
      Concat("Field ", at.field.name(), ": the value is no ", type.ToString()));
}

// A whole number of the last digit, little endian, two's complement ("NUMERIC" and "BIGNUMERIC" as
// bytes).
std::string DecimalOfBytes(const std::string& bytes, size_t scale) {
  std::string magnitude(bytes.rbegin(), bytes.rend());  // big endian
  const bool negative = !magnitude.empty() && (magnitude[0] & 0x80) != 0;
  if (negative) {
    bool carry = true;
    for (size_t i = magnitude.size(); i-- > 0;) {
      magnitude[i] = static_cast<char>(~magnitude[i]);
      if (carry) carry = ++magnitude[i] == 0;
    }
  }
  std::string digits;
  for (bool left = true; left;) {
    left = false;
    unsigned remainder = 0;
    for (char& c : magnitude) {
      const unsigned part = remainder * 256 + static_cast<unsigned char>(c);
      c = static_cast<char>(part / 10);
      remainder = part % 10;
      left = left || c != 0;
    }
    digits = std::string(1, static_cast<char>('0' + remainder)) + digits;
  }
  const std::string padded =
      std::string(digits.size() <= scale ? scale + 1 - digits.size() : 0, '0') + digits;
  const size_t point = padded.size() - scale;
  return Concat(negative ? "-" : "", padded.substr(0, point), ".", padded.substr(point));
}

std::string DecimalText(const Place& at, TypeKind kind) {
  constexpr size_t kNumericScale = 9;
  constexpr size_t kBigNumericScale = 38;
  switch (ShapeOf(at.field)) {
    case Shape::kInteger:
      return std::to_string(Integer(at));
    case Shape::kFloat:
      return schema::FormatFloat64(Float(at));
    case Shape::kBytes:
      return DecimalOfBytes(Text(at),
                            kind == TypeKind::kNumeric ? kNumericScale : kBigNumericScale);
    default:
      return Text(at);
  }
}

// The bit fields of a civil time in microseconds, as Google's clients pack it in 64 bits.
struct Packed {
  int64_t bits;
  int64_t Take(int from, int count) const { return (bits >> from) & ((int64_t{1} << count) - 1); }
};

std::optional<int64_t> TimeOf(Packed packed) {
  const int64_t hour = packed.Take(32, 5), minute = packed.Take(26, 6);
  const int64_t second = packed.Take(20, 6), micros = packed.Take(0, 20);
  if (hour > 23 || minute > 59 || second > 59 || micros > 999'999) return std::nullopt;
  return ((hour * 60 + minute) * 60 + second) * 1'000'000 + micros;
}

std::optional<int64_t> DatetimeOf(Packed packed) {
  const int64_t year = packed.Take(46, 14), month = packed.Take(42, 4), day = packed.Take(37, 5);
  const std::optional<int64_t> time = TimeOf(packed);
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(year)),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!time.has_value() || !date.ok() || year < 1 || year > 9999) return std::nullopt;
  constexpr int64_t kDayMicros = int64_t{86'400} * 1'000'000;
  return std::chrono::sys_days(date).time_since_epoch().count() * kDayMicros + *time;
}

absl::StatusOr<Value> TimeValue(const Place& at, const Type& type) {
  if (ShapeOf(at.field) == Shape::kString) {
    absl::StatusOr<Value> value = schema::ParseValue(type, Text(at));
    return value.ok() ? value : DoesNotFit(at, type);
  }
  const int64_t number = Integer(at);
  std::optional<int64_t> value = number;
  if (type.kind == TypeKind::kTime) value = TimeOf({number});
  if (type.kind == TypeKind::kDatetime) value = DatetimeOf({number});
  if (!value.has_value() || !schema::IsTimeValue(type.kind, *value)) return DoesNotFit(at, type);
  return Value(*value);
}

absl::StatusOr<Value> StructValue(const Place& at, const Type& type) {
  const Message& inner = at.repeated()
                             ? at.reflection().GetRepeatedMessage(at.message, &at.field, at.index)
                             : at.reflection().GetMessage(at.message, &at.field);
  Value::List values;
  for (const schema::Field& field : type.fields) {
    const FieldDescriptor* found =
        inner.GetDescriptor()->FindFieldByLowercaseName(schema::Lowercase(field.name));
    values.emplace_back();
    if (found == nullptr) continue;
    AFLUENTE_ASSIGN_OR_RETURN(values.back(), ReadField(inner, *found, field.type));
  }
  return Value(std::move(values));
}

absl::StatusOr<Value> ReadSingle(const Place& at, const Type& type) {
  switch (type.kind) {
    case TypeKind::kBool:
      return Value(Integer(at) != 0);
    case TypeKind::kInt64:
      return Value(Integer(at));
    case TypeKind::kFloat64:
      return Value(Float(at));
    case TypeKind::kNumeric:
    case TypeKind::kBigNumeric: {
      std::optional<std::string> text =
          schema::CanonicalDecimal(type.kind, DecimalText(at, type.kind));
      if (!text.has_value()) return DoesNotFit(at, type);
      return Value(*std::move(text));
    }
    case TypeKind::kDate:
    case TypeKind::kDatetime:
    case TypeKind::kTime:
    case TypeKind::kTimestamp:
      return TimeValue(at, type);
    case TypeKind::kStruct:
      return StructValue(at, type);
    case TypeKind::kJson: {
      absl::StatusOr<Value> value = schema::ParseValue(type, Text(at));
      return value.ok() ? value : DoesNotFit(at, type);
    }
    default:
      return Value(Text(at));
  }
}

}  // namespace

absl::Status CheckConversion(const FieldDescriptor& field, const Type& type) {
  const bool array = type.kind == TypeKind::kArray;
  if (field.is_repeated() != array) {
    return absl::InvalidArgumentError(
        Concat("Field ", field.name(), array ? " must be repeated" : " must not be repeated"));
  }
  const Type& single = array ? type.element() : type;
  const bool wide = field.cpp_type() == FieldDescriptor::CPPTYPE_UINT64;
  if (wide || !Converts(ShapeOf(field), single.kind)) {
    return absl::InvalidArgumentError(Concat("Field ", field.name(), " of type ", field.type_name(),
                                             " does not become ", single.ToString()));
  }
  if (single.kind != TypeKind::kStruct) return absl::OkStatus();
  for (const schema::Field& inner : single.fields) {
    const FieldDescriptor* found =
        field.message_type()->FindFieldByLowercaseName(schema::Lowercase(inner.name));
    if (found != nullptr) AFLUENTE_RETURN_IF_ERROR(CheckConversion(*found, inner.type));
  }
  return absl::OkStatus();
}

absl::StatusOr<Value> ReadField(const Message& message, const FieldDescriptor& field,
                                const Type& type) {
  const Reflection& reflection = *message.GetReflection();
  if (!field.is_repeated()) {
    if (!reflection.HasField(message, &field)) return Value();
    return ReadSingle({message, field, -1}, type);
  }
  Value::List elements;
  for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
    AFLUENTE_ASSIGN_OR_RETURN(Value element, ReadSingle({message, field, i}, type.element()));
    elements.push_back(std::move(element));
  }
  return Value(std::move(elements));
}

}  // namespace afluente::warehouse::storage
