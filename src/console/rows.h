#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "console/console.h"
#include "warehouse/warehouse.h"

namespace afluente::console {

// The rows of one of the console's own statements as JSON objects; blocks, at most `rows_max`.
absl::StatusOr<nlohmann::json> ReadRows(const ConsolePorts& ports, const std::string& sql,
                                        const std::vector<warehouse::Parameter>& parameters = {},
                                        uint64_t rows_max = 100);

// A parameter of type STRING.
inline warehouse::Parameter TextParameter(const char* name, std::string text) {
  warehouse::Parameter parameter;
  parameter.name = name;
  parameter.type.kind = schema::TypeKind::kString;
  parameter.value.data = std::move(text);
  return parameter;
}

}  // namespace afluente::console
