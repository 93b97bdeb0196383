#pragma once

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "warehouse/duckdb/session.h"

namespace afluente::warehouse::duckdb {

// Format of the engine's own tables and of what it keeps in users' tables beside their columns.
// Each change that an older program must not write to is one more, with a step in migrations.cc.
inline constexpr int64_t kFormat = 2;

// A row of the engine's settings; DATA_LOSS when it is not there.
absl::StatusOr<int64_t> ReadSetting(Session& session, std::string_view name);

// Brings a database of an older format to kFormat, step by step, each in a transaction of its own:
// a crash leaves a whole format, and the next start goes on from there. Before any other use.
// FAILED_PRECONDITION when a newer program wrote it.
absl::Status Migrate(Session& session);

}  // namespace afluente::warehouse::duckdb
