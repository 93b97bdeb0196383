#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "broker/log/journal.h"
#include "broker/policies.h"
#include "broker/publisher.h"
#include "broker/schemas.h"
#include "broker/snapshots.h"
#include "broker/subscriptions.h"
#include "broker/topics.h"
#include "host/clock.h"

namespace afluente::host {
class FileSystem;
}

namespace afluente::broker {

struct BrokerOptions {
  std::string directory;
  log::JournalOptions journal;
  uint64_t memory_bytes_max = 128 << 20;     // recent messages kept in memory for readers
  uint64_t snapshot_every_bytes = 64 << 20;  // journal written between two snapshots
  // Of the journal, or as much as is needed of it: then what is needed in the oldest segments is
  // moved, and they go.
  uint64_t dead_bytes_max = 512 << 20;
};

struct TopicStats {
  std::string name;
  uint64_t published = 0;  // messages, ever
  uint64_t retained = 0;   // messages that can still be read
  // Since the process started.
  uint64_t messages = 0;
  uint64_t bytes = 0;
  std::vector<uint64_t> size_counts;  // over SizeCounts::Bounds()
};

struct SubscriptionStats {
  std::string name;
  uint64_t backlog = 0;      // messages not acked, delivered or not
  uint64_t outstanding = 0;  // messages under a lease
  std::chrono::seconds oldest_unacked_age{0};
  // Since the process started.
  uint64_t sent = 0;
  uint64_t sent_bytes = 0;
  uint64_t acked = 0;
  uint64_t dead_lettered = 0;
  std::vector<uint64_t> ack_latency_counts;  // over telemetry::Histogram::Bounds(); empty = none
  double ack_latency_seconds = 0;            // summed
};

struct BrokerStats {
  std::vector<TopicStats> topics;
  std::vector<SubscriptionStats> subscriptions;
  uint64_t journal_bytes = 0;
};

// The embedded broker: topics, subscriptions and leases in memory, every change a record of one
// journal, so that its state is what replaying the journal gives. Owned by roles/; all threads;
// after a crash it is as of the last answered change.
class Broker : public Publisher,
               public KeyedPublisher,
               public Topics,
               public Subscriptions,
               public Snapshots,
               public Schemas,
               public Policies {
 public:
  static absl::StatusOr<std::unique_ptr<Broker>> Open(host::FileSystem& files,
                                                      const host::Clock& clock,
                                                      const BrokerOptions& options);

  // From now on what no subscription, reader or retention needs may leave the journal. Called once
  // at start, when the functions have opened their readers: only open readers keep messages.
  virtual void AllowCleaning() = 0;
  virtual BrokerStats Stats() const = 0;

  // Calls `changed` with a subscription's name at once for each that there is, then whenever one
  // is created, changes or goes: on any thread, maybe more often than it changed. It must not
  // block. Replaces the last one; nullptr ends it, but for a call that is just being made.
  using SubscriptionChanged = std::function<void(const std::string& name)>;
  virtual void WatchSubscriptions(SubscriptionChanged changed) = 0;

  // The clock was set forward: what waits for a time looks again, and what is due to be cleaned is
  // cleaned before it returns. Blocks.
  virtual void ClockStepped() = 0;
};

}  // namespace afluente::broker
