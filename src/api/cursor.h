#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "schema/value.h"

namespace afluente::api {

// Where a page ended in a total order: the last row's keys, and how many rows with those keys were
// given.
struct Position {
  std::vector<schema::Value> keys;
  uint64_t given = 0;
};

// Writes positions as tokens that only the holder of the key can make. `bound_to` is what a token
// holds for (endpoint, parameters, order): it is not in the token, but in what is signed.
std::string SignCursor(std::string_view key, std::string_view bound_to, const Position& position);

// INVALID_ARGUMENT when the token was not made with this key for `bound_to`, or has not
// `key_count` keys.
absl::StatusOr<Position> OpenCursor(std::string_view key, std::string_view bound_to,
                                    std::string_view token, size_t key_count);

}  // namespace afluente::api
