#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "broker/log/journal.h"

namespace afluente::broker::log {

// A record on its way to the disk.
struct PendingRecord {
  std::string payload;
  uint32_t checksum = 0;  // of the payload, computed by the caller's thread
  absl::Status refusal;   // not OK: it takes its turn only to be answered
  Journal::Appended done;
  Place place;  // set by the writer
};

// What one write and one sync take: the records of one group, in order.
struct Batch {
  std::vector<PendingRecord> records;
  uint64_t bytes = 0;  // as stored, without the group's header
  uint32_t count = 0;  // of those that are not refused
};

}  // namespace afluente::broker::log
