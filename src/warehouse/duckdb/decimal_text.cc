#include "warehouse/duckdb/decimal_text.h"

#include <algorithm>
#include <optional>

#include "schema/decimal.h"
#include "schema/text.h"

namespace afluente::warehouse::duckdb {
namespace {

struct Digits {
  bool negative = false;
  std::string_view whole;     // without leading zeros
  std::string_view fraction;  // without trailing zeros
};

bool AllDigits(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

absl::StatusOr<Digits> Split(std::string_view text) {
  Digits digits;
  std::string_view rest = text;
  if (!rest.empty() && (rest[0] == '-' || rest[0] == '+')) {
    digits.negative = rest[0] == '-';
    rest.remove_prefix(1);
  }
  size_t point = rest.find('.');
  digits.whole = rest.substr(0, point);
  if (point != std::string_view::npos) digits.fraction = rest.substr(point + 1);
  if ((digits.whole.empty() && digits.fraction.empty()) || !AllDigits(digits.whole) ||
      !AllDigits(digits.fraction)) {
    return absl::InvalidArgumentError(
        schema::Concat("Invalid NUMERIC value: ", text.substr(0, 100)));
  }
  while (!digits.whole.empty() && digits.whole[0] == '0') digits.whole.remove_prefix(1);
  while (!digits.fraction.empty() && digits.fraction.back() == '0') {
    digits.fraction.remove_suffix(1);
  }
  return digits;
}

absl::Status OutOfRange(std::string_view text) {
  return absl::InvalidArgumentError(schema::Concat("NUMERIC out of range: ", text.substr(0, 100)));
}

}  // namespace

absl::StatusOr<absl::int128> ParseNumeric(std::string_view text) {
  absl::StatusOr<Digits> digits = Split(text);
  if (!digits.ok()) return digits.status();
  if (digits->whole.size() > 29 || digits->fraction.size() > 9) return OutOfRange(text);
  absl::int128 value = 0;
  for (char c : digits->whole) value = value * 10 + (c - '0');
  for (size_t i = 0; i < 9; ++i) {
    value = value * 10 + (i < digits->fraction.size() ? digits->fraction[i] - '0' : 0);
  }
  return digits->negative ? -value : value;
}

void AppendDecimal(absl::int128 scaled, int scale, std::string& out) {
  // The least int128 has no positive twin, so work on the unsigned magnitude.
  absl::uint128 magnitude = static_cast<absl::uint128>(scaled);
  if (scaled < 0) {
    out += '-';
    magnitude = ~magnitude + 1;
  }
  char buffer[64];
  int used = 0;
  while (magnitude > absl::uint128(~uint64_t{0})) {
    buffer[used++] = static_cast<char>('0' + static_cast<int>(magnitude % 10));
    magnitude /= 10;
  }
  for (uint64_t low = static_cast<uint64_t>(magnitude); low != 0; low /= 10) {
    buffer[used++] = static_cast<char>('0' + low % 10);
  }
  while (used <= scale) buffer[used++] = '0';
  int last = 0;
  while (last < scale && buffer[last] == '0') ++last;
  for (int i = used - 1; i >= scale; --i) out += buffer[i];
  if (last == scale) return;
  out += '.';
  for (int i = scale - 1; i >= last; --i) out += buffer[i];
}

absl::StatusOr<std::string> CanonicalBigNumeric(std::string_view text) {
  std::optional<std::string> canonical =
      schema::CanonicalDecimal(schema::TypeKind::kBigNumeric, text);
  if (canonical) return *std::move(canonical);
  return absl::InvalidArgumentError(
      schema::Concat("Invalid BIGNUMERIC value: ", text.substr(0, 100)));
}

}  // namespace afluente::warehouse::duckdb
