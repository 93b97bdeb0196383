#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "absl/status/statusor.h"
#include "warehouse/catalog.h"

namespace afluente::warehouse::wire {

// BigQuery's Routine resource, without its tag.
nlohmann::json RoutineToJson(const Routine& routine);

// The CREATE statement that makes what a Routine resource describes, named `name`. INVALID_ARGUMENT
// names what is wrong, UNIMPLEMENTED what is not supported (remote functions, libraries, ...).
absl::StatusOr<std::string> CreateStatementOf(const nlohmann::json& resource, const TableName& name,
                                              bool replace);

}  // namespace afluente::warehouse::wire
