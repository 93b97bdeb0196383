#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace afluente::event {

// The syntax tree of a filter. kAnd, kOr: left and right; kNot: left.
struct FilterNode {
  enum class Kind { kHas, kEquals, kNotEquals, kHasPrefix, kNot, kAnd, kOr };
  Kind kind = Kind::kHas;
  std::string key;
  std::string value;
  std::unique_ptr<const FilterNode> left;
  std::unique_ptr<const FilterNode> right;
};

// Pub/Sub's limit for a filter, which also bounds the tree's depth.
inline constexpr size_t kFilterBytesMax = 256;

// Parses a filter that is not blank. INVALID_ARGUMENT: "column N: expected ..., found ...".
absl::StatusOr<std::unique_ptr<const FilterNode>> ParseFilter(std::string_view text);

}  // namespace afluente::event
