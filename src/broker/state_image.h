#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "broker/message_index.h"
#include "broker/policies.h"
#include "broker/resources.h"
#include "broker/retry_table.h"
#include "broker/schema_revision.h"
#include "broker/sequence_set.h"
#include "host/clock.h"

namespace afluente::broker {

struct TopicImage {
  uint64_t incarnation = 0;
  bool deleted = false;
  TopicSettings settings;
  host::WallTime last_publish_time;
  uint64_t end = 1;  // last sequence + 1
  MessageIndex::Segments index;
};

struct SubscriptionImage {
  uint64_t incarnation = 0;
  uint64_t topic = 0;  // its incarnation
  SubscriptionSettings settings;
  uint64_t floor = 0;  // all sequences up to it are acked
  std::vector<SequenceSet::Range> ranges;
  uint64_t start = 0;            // the first sequence of its life; 0 = unknown
  uint64_t seek_generation = 0;  // deliveries up to it were ended by a seek
  std::vector<FailureCount> failures;
};

struct SnapshotImage {
  SnapshotSettings settings;
  uint64_t topic = 0;  // its incarnation
  uint64_t floor = 0;
  std::vector<SequenceSet::Range> ranges;
};

// All of the durable state at one place of the journal. Indexes are shared with the live state, so
// that capturing is quick and encoding can happen on another thread.
struct StateImage {
  uint64_t next_incarnation = 1;
  uint64_t released_segment = 0;
  std::vector<TopicImage> topics;
  std::vector<SubscriptionImage> subscriptions;
  std::vector<SnapshotImage> snapshots;
  std::vector<SchemaRevision> schemas;  // schema by schema, each from its first revision on
  std::vector<std::pair<std::string, Policy>> policies;  // by resource
  std::vector<std::string> keys;                         // of keyed publishes
};

}  // namespace afluente::broker
