#include "event/json_scalar.h"

#include <charconv>
#include <string>
#include <utility>

#include "schema/civil_time.h"
#include "schema/decimal.h"
#include "schema/json_text.h"
#include "schema/parse_value.h"
#include "schema/text.h"

namespace afluente::event {
namespace {

using schema::TypeKind;
using schema::Value;

template <typename T>
std::optional<Value> Wrap(std::optional<T> parsed) {
  if (!parsed.has_value()) return std::nullopt;
  return Value(*std::move(parsed));
}

// Seconds since the epoch as microseconds, exactly; further digits round.
std::optional<int64_t> EpochMicros(std::string_view seconds) {
  std::optional<std::string> micros =
      schema::CanonicalDecimal(TypeKind::kBigNumeric, schema::Concat(seconds, "e6"));
  if (!micros.has_value()) return std::nullopt;
  size_t dot = micros->find('.');
  std::optional<int64_t> whole = schema::ParseInt64(std::string_view(*micros).substr(0, dot));
  if (!whole.has_value()) return std::nullopt;
  if (dot != std::string::npos && (*micros)[dot + 1] >= '5')
    *whole += micros->front() == '-' ? -1 : 1;
  if (*whole < schema::kMicrosMin || *whole > schema::kMicrosMax) return std::nullopt;
  return whole;
}

std::optional<int64_t> TimestampFromString(std::string_view text) {
  if (std::optional<int64_t> micros = schema::ParseTimestamp(text)) return micros;
  if (text.size() > 7 && text[4] == '/') {
    std::string dashed(text);
    dashed[4] = '-';
    if (size_t second = dashed.find('/'); second != std::string::npos && second < 8) {
      dashed[second] = '-';
    }
    return schema::ParseTimestamp(dashed);
  }
  return text.find_first_of("eE") == std::string_view::npos ? EpochMicros(text) : std::nullopt;
}

std::optional<int64_t> WholeNumber(std::string_view text) {
  int64_t value;
  const char* last = text.data() + text.size();
  auto [end, error] = std::from_chars(text.data(), last, value);
  if (error == std::errc() && end == last) return value;
  // 5.0 and 5e3 are whole numbers too.
  if (text.find_first_of(".eE") == std::string_view::npos) return std::nullopt;
  std::optional<std::string> exact = schema::CanonicalDecimal(TypeKind::kBigNumeric, text);
  return exact.has_value() ? schema::ParseInt64(*exact) : std::nullopt;
}

}  // namespace

std::optional<Value> FromJsonString(TypeKind kind, std::string_view text) {
  switch (kind) {
    case TypeKind::kString:
      return Value(std::string(text));
    case TypeKind::kInt64:
      return Wrap(schema::ParseInt64(text));
    case TypeKind::kFloat64:
      return Wrap(schema::ParseFloat64(text));
    case TypeKind::kBool:
      return Wrap(schema::ParseBool(text));
    case TypeKind::kNumeric:
    case TypeKind::kBigNumeric:
      return Wrap(schema::CanonicalDecimal(kind, text));
    case TypeKind::kBytes:
      return Wrap(schema::ParseBase64(text));
    case TypeKind::kDate:
      return Wrap(schema::ParseDate(text));
    case TypeKind::kDatetime:
      return Wrap(schema::ParseDatetime(text));
    case TypeKind::kTime:
      return Wrap(schema::ParseTime(text));
    case TypeKind::kTimestamp:
      return Wrap(TimestampFromString(text));
    case TypeKind::kJson:
    case TypeKind::kArray:
    case TypeKind::kStruct:
    case TypeKind::kInterval:
    case TypeKind::kRange:
      break;
  }
  return std::nullopt;
}

std::optional<Value> FromJsonNumber(TypeKind kind, std::string_view text) {
  if (!schema::IsJsonNumber(text)) return std::nullopt;
  switch (kind) {
    case TypeKind::kInt64:
      return Wrap(WholeNumber(text));
    case TypeKind::kFloat64:
      return Wrap(schema::ParseFloat64(text));
    case TypeKind::kNumeric:
    case TypeKind::kBigNumeric:
      return Wrap(schema::CanonicalDecimal(kind, text));
    case TypeKind::kString:
      return Value(std::string(text));
    case TypeKind::kTimestamp:
      return Wrap(
          text.find_first_of("eE") == std::string_view::npos
              ? EpochMicros(text)
              : EpochMicros(schema::CanonicalDecimal(TypeKind::kBigNumeric, text).value_or("")));
    default:
      return std::nullopt;
  }
}

std::optional<Value> FromJsonBool(TypeKind kind, bool value) {
  if (kind == TypeKind::kBool) return Value(value);
  if (kind == TypeKind::kString) return Value(std::string(value ? "true" : "false"));
  return std::nullopt;
}

}  // namespace afluente::event
