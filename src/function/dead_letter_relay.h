#pragma once

#include <memory>
#include <thread>

#include "absl/status/status.h"
#include "broker/publisher.h"
#include "warehouse/warehouse.h"

namespace afluente::function {

// Publishes committed dead letters from the warehouse's outbox to their topics, oldest first, and
// removes what is published. Owned by roles/; one thread of its own. A crash between the two
// publishes an entry again: at least once, as Pub/Sub's own dead-letter topics.
class DeadLetterRelay {
 public:
  DeadLetterRelay(broker::Publisher& publisher, warehouse::Warehouse& warehouse);
  ~DeadLetterRelay();  // stops after the entries at hand

  void Start();
  void Stop();
  // Publishes what waits now; the number of entries published. Blocks.
  absl::StatusOr<size_t> RelayOnce();

 private:
  struct Shared;
  void Run();
  absl::Status PublishOne(warehouse::OutboxEntry entry);

  broker::Publisher& publisher_;
  warehouse::Warehouse& warehouse_;
  const std::unique_ptr<Shared> shared_;
  std::thread worker_;
};

}  // namespace afluente::function
