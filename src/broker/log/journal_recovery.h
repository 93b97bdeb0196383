#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "broker/log/format.h"
#include "broker/log/journal.h"
#include "broker/log/snapshot_store.h"
#include "host/file_system.h"

namespace afluente::broker::log {

// What replaying a journal found, and where writing goes on.
struct RecoveredJournal {
  std::string identity;  // raw; empty: there is no journal yet
  uint64_t epoch = 0;    // the newest used
  // Where the synced bytes end; the next segment's header names it. 0, 0 when there are none.
  uint64_t last_segment = 0;
  uint32_t last_end = 0;
  Place last_record;
  // The number of the next segment. It may be the last segment's own, when that holds no record.
  uint64_t next_segment = 1;
  bool replace_last = false;
  std::map<uint64_t, uint64_t> segments;  // number -> bytes, all that stay
  std::vector<uint64_t> unused;           // prepared or given up: to be removed
};

// Hands the newest good snapshot and all records after it to `recovery`, and makes sure that what
// it handed over is on disk. Errors as Journal::Open.
absl::StatusOr<RecoveredJournal> RecoverJournal(host::FileSystem& files,
                                                const std::string& directory,
                                                SnapshotStore& snapshots, Recovery& recovery);

}  // namespace afluente::broker::log
