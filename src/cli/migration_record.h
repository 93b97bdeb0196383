#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace afluente::cli {

// How far a migration has come, in a file of the data directory. A call that is cut before it is
// saved does the last step again, which changes nothing.
struct MigrationRecord {
  struct Table {
    std::string stream;  // of the load; empty: not begun
    uint64_t rows = 0;   // that are in it
    bool done = false;
  };
  std::map<std::string, Table> tables;     // by dataset.table
  std::map<std::string, uint64_t> topics;  // the last sequence that is there, by name

  // Empty where there is no file. DATA_LOSS for one that cannot be read.
  static absl::StatusOr<MigrationRecord> Load(const std::string& file);
  absl::Status Save(const std::string& file) const;
};

}  // namespace afluente::cli
