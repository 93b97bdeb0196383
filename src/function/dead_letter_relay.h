#pragma once

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "broker/publisher.h"
#include "warehouse/warehouse.h"

namespace afluente::function {

// Publishes committed dead letters from the warehouse's outbox to their topics, oldest first, and
// removes what is published. Owned by roles/; one thread of its own. The topic's journal knows each
// entry's key from the publish until its removal is durable, so a crash in between sends nothing
// twice.
class DeadLetterRelay {
 public:
  DeadLetterRelay(broker::KeyedPublisher& publisher, warehouse::Warehouse& warehouse);
  ~DeadLetterRelay();  // stops after the entries at hand

  void Start();
  void Stop();
  // Publishes what waits now; the number of entries published. Blocks.
  absl::StatusOr<size_t> RelayOnce();

 private:
  struct Shared;
  void Run();
  // Keys of entries that are gone: the process ended before it could forget them.
  absl::Status ForgetStale();
  absl::Status Forget(std::vector<std::string> keys);

  broker::KeyedPublisher& publisher_;
  warehouse::Warehouse& warehouse_;
  const std::unique_ptr<Shared> shared_;
  bool started_clean_ = false;  // of the thread alone
  std::thread worker_;
};

}  // namespace afluente::function
