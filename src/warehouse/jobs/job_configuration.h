#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "absl/status/statusor.h"
#include "warehouse/jobs/job_work.h"

namespace afluente::warehouse::jobs {

// The dataset by which clients name the rows of queries without a destination; no real one can have
// its name's first character.
inline constexpr char kResultDataset[] = "_results";
// The table there of a job's rows.
std::string ResultTableOf(const Job& job);

// Several statements, or one whose effect is known only when it runs.
bool IsScript(const std::string& text);

// UNIMPLEMENTED names what of a query's configuration is not supported; INVALID_ARGUMENT what is
// wrong.
absl::Status CheckQueryConfiguration(const nlohmann::json& query);

// Of the configuration of a query, load or copy: destinationTable, the dispositions, schema update
// options and the layout of a new table. `otherwise` is what writeDisposition means when it is not
// given.
absl::StatusOr<Destination> DestinationOf(const nlohmann::json& configuration,
                                          const std::string& project, Destination::Write otherwise);

// The array `key`, or an empty one.
const nlohmann::json& ObjectOrArray(const nlohmann::json& object, const char* key);

}  // namespace afluente::warehouse::jobs
