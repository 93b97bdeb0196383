#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace afluente::warehouse::duckdb {

// JSON_SET, JSON_REMOVE, JSON_ARRAY_INSERT, JSON_ARRAY_APPEND and JSON_STRIP_NULLS. `arguments` is
// a JSON array: paths and values by turns, paths alone, or [include_arrays, path]. `option` is
// create_if_missing, insert_each_element, append_each_element or remove_empty. INVALID_ARGUMENT for
// a path that is none.
absl::StatusOr<std::string> EditJson(std::string_view function, std::string_view document,
                                     std::string_view arguments, bool option);

}  // namespace afluente::warehouse::duckdb
