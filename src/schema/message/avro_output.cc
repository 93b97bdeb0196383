#include "schema/message/avro_output.h"

#include <cmath>
#include <optional>

#include "schema/civil_time.h"
#include "schema/decimal.h"
#include "schema/format_value.h"
#include "schema/text.h"
#include "telemetry/json_string.h"

namespace afluente::schema::avro {
namespace {

constexpr int64_t kDayMicros = 86'400'000'000;

std::optional<int64_t> Micros(int64_t value, bool is_millis, int64_t min, int64_t max) {
  int64_t scale = is_millis ? 1000 : 1;
  if (value < min / scale || value > max / scale) return std::nullopt;
  return value * scale;
}

std::optional<std::string> FormatLogical(Logical logical, int64_t value) {
  std::optional<int64_t> micros;
  switch (logical) {
    case Logical::kDate:
      if (value < kMicrosMin / kDayMicros || value > kMicrosMax / kDayMicros) return std::nullopt;
      return FormatDate(value);
    case Logical::kTimeMillis:
    case Logical::kTimeMicros:
      micros = Micros(value, logical == Logical::kTimeMillis, 0, kDayMicros - 1);
      return micros.has_value() ? std::optional(FormatTime(*micros)) : std::nullopt;
    case Logical::kTimestampMillis:
    case Logical::kTimestampMicros:
      micros = Micros(value, logical == Logical::kTimestampMillis, kMicrosMin, kMicrosMax);
      return micros.has_value() ? std::optional(FormatRfc3339(*micros)) : std::nullopt;
    case Logical::kLocalTimestampMillis:
    case Logical::kLocalTimestampMicros:
      micros = Micros(value, logical == Logical::kLocalTimestampMillis, kMicrosMin, kMicrosMax);
      return micros.has_value() ? std::optional(FormatDatetime(*micros)) : std::nullopt;
    default:
      return std::nullopt;
  }
}

// A decimal's two's-complement big-endian bytes as a number's text; nullopt beyond 128 bits, which
// is more than BIGNUMERIC's 38 whole digits and less than its 76 in all.
std::optional<std::string> FormatDecimal(std::string_view bytes, uint32_t scale) {
  if (bytes.empty() || bytes.size() > 16) return std::nullopt;
  unsigned __int128 magnitude = (bytes[0] & 0x80) != 0 ? ~static_cast<unsigned __int128>(0) : 0;
  bool negative = magnitude != 0;
  for (char byte : bytes) magnitude = (magnitude << 8) | static_cast<unsigned char>(byte);
  if (negative) magnitude = -magnitude;
  std::string digits;
  for (; magnitude != 0 || digits.size() <= scale; magnitude /= 10) {
    digits.insert(digits.begin(), static_cast<char>('0' + static_cast<int>(magnitude % 10)));
  }
  if (scale > 0) digits.insert(digits.size() - scale, 1, '.');
  return negative ? "-" + digits : digits;
}

constexpr size_t kOutputBytesMax = 64 << 20;

}  // namespace

void Reading::WriteString(std::string_view text) {
  if (out_ != nullptr) telemetry::AppendJsonString(*out_, text);
}

bool Reading::Visit(int depth) {
  if (depth > kDepthMax) return problem_.Fail(Concat("nested more than ", kDepthMax, " levels"));
  if (values_left_ == 0) return problem_.Fail("too many values for its size");
  --values_left_;
  if (out_ == nullptr || out_->size() <= kOutputBytesMax) return true;
  return problem_.Fail(Concat("larger than ", kOutputBytesMax, " bytes as JSON"));
}

void AppendInteger(std::string& out, const Type& type, int64_t value) {
  if (std::optional<std::string> text = FormatLogical(type.logical, value)) {
    out += Concat("\"", *text, "\"");
  } else {
    out += std::to_string(value);
  }
}

void AppendDouble(std::string& out, double value) {
  std::string text = FormatFloat64(value);
  out += std::isfinite(value) ? text : Concat("\"", text, "\"");
}

void AppendBytes(std::string& out, const Type& type, std::string_view bytes) {
  std::optional<std::string> decimal;
  if (type.logical == Logical::kDecimal) decimal = FormatDecimal(bytes, type.scale);
  out += decimal.has_value() ? *decimal : Concat("\"", FormatBase64(std::string(bytes)), "\"");
}

}  // namespace afluente::schema::avro
