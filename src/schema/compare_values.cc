#include "schema/compare_values.h"

#include <algorithm>
#include <string_view>

namespace afluente::schema {
namespace {

// Of canonical decimals: no exponent, no needless zero.
std::strong_ordering CompareDecimals(std::string_view a, std::string_view b) {
  const bool a_negative = a.starts_with('-');
  const bool b_negative = b.starts_with('-');
  if (a_negative != b_negative) {
    return a_negative ? std::strong_ordering::less : std::strong_ordering::greater;
  }
  if (a_negative) return CompareDecimals(b.substr(1), a.substr(1));
  const size_t a_point = std::min(a.find('.'), a.size());
  const size_t b_point = std::min(b.find('.'), b.size());
  if (a_point != b_point) return a_point <=> b_point;
  return a <=> b;
}

}  // namespace

std::partial_ordering CompareValues(TypeKind kind, const Value& a, const Value& b) {
  if (a.data.index() != b.data.index()) return std::partial_ordering::unordered;
  if (const auto* number = std::get_if<int64_t>(&a.data)) {
    return *number <=> std::get<int64_t>(b.data);
  }
  if (const auto* number = std::get_if<double>(&a.data)) {
    return *number <=> std::get<double>(b.data);
  }
  if (const auto* truth = std::get_if<bool>(&a.data)) return *truth <=> std::get<bool>(b.data);
  const auto* text = std::get_if<std::string>(&a.data);
  if (text == nullptr || kind == TypeKind::kJson) return std::partial_ordering::unordered;
  const auto& other = std::get<std::string>(b.data);
  const bool decimal = kind == TypeKind::kNumeric || kind == TypeKind::kBigNumeric;
  return decimal ? CompareDecimals(*text, other) : *text <=> other;
}

}  // namespace afluente::schema
