#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "schema/type.h"
#include "warehouse/warehouse.h"

namespace afluente::api {

// What every endpoint's query string may ask besides its own parameters.
struct Controls {
  std::optional<uint64_t> page_size;
  std::optional<std::string> cursor;
  std::vector<warehouse::OrderKey> order;  // empty: the endpoint's own
  std::vector<size_t> fields;              // columns in the asked order; empty: all
};

// What an endpoint lets its requests ask.
struct ControlRules {
  std::vector<schema::Column> columns;
  std::vector<size_t> order_by;  // columns that may be named
  bool paged = false;
  uint64_t page_size_max = 0;
};

// The name is one of an endpoint's controls.
bool IsControl(const ControlRules& rules, std::string_view name);

// INVALID_ARGUMENT names the parameter and what it may be. Other parameters are passed over.
absl::StatusOr<Controls> ReadControls(
    const ControlRules& rules, const std::vector<std::pair<std::string, std::string>>& query);

// The column called `name` (case does not matter), or nullopt.
std::optional<size_t> FindColumn(const std::vector<schema::Column>& columns, std::string_view name);

}  // namespace afluente::api
