#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "broker/log/journal.h"
#include "broker/publisher.h"
#include "broker/subscriptions.h"
#include "broker/topics.h"
#include "host/clock.h"
#include "host/file_system.h"

namespace afluente::broker {

struct BrokerOptions {
  std::string directory;
  log::JournalOptions journal;
  uint64_t memory_bytes_max = 128 << 20;  // recent messages kept in memory for readers
};

// The embedded broker: topics, subscriptions and leases in memory, every change a record of one
// journal, so that its state is what replaying the journal gives. Owned by roles/; all threads;
// after a crash it is as of the last answered change.
class Broker : public Publisher, public Topics, public Subscriptions {
 public:
  static absl::StatusOr<std::unique_ptr<Broker>> Open(host::FileSystem& files,
                                                      const host::Clock& clock,
                                                      const BrokerOptions& options);
};

}  // namespace afluente::broker
