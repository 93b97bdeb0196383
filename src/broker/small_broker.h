#pragma once

#include <memory>

#include "broker/embedded_broker.h"
#include "broker/log/journal.h"

namespace afluente::host {
class FileSystem;
}

namespace afluente::broker {

// A broker without threads on a real journal whose segments, groups and snapshots are so small that
// each is used up often. For tests of disks that fail.
inline absl::StatusOr<std::unique_ptr<EmbeddedBroker>> OpenSmallBroker(host::FileSystem& files,
                                                                       const host::Clock& clock,
                                                                       uint64_t memory_bytes_max) {
  EmbeddedBroker::Options options;
  options.threads = false;
  options.memory_bytes_max = memory_bytes_max;
  options.snapshot_every_bytes = 2000;
  options.dead_bytes_max = 4000;
  log::JournalOptions journal;
  journal.segment_bytes = 8192;
  journal.queue_bytes_max = 1 << 20;
  journal.group_bytes_max = 2048;
  journal.record_bytes_max = 7800;  // all of a segment may be moved as one
  journal.reserve_bytes = 16384;
  journal.idle = std::chrono::milliseconds(1);
  auto broker = EmbeddedBroker::Create(clock, options, [&](log::Recovery& recovery) {
    return log::Journal::Open(files, "/journal", journal, recovery);
  });
  if (broker.ok()) (*broker)->AllowCleaning();
  return broker;
}

}  // namespace afluente::broker
