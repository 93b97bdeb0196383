#pragma once

#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "broker/wire/call.h"
#include "host/worker_pool.h"

namespace afluente::broker::wire {

// Runs blocking `work` on a worker and replies with what it returns; RESOURCE_EXHAUSTED when too
// much work waits.
template <typename Response, typename Work>
void ReplyFromWorker(host::WorkerPool& workers, Reply<Response> reply, Work work) {
  // Shared: when the pool refuses, the reply must still be at hand.
  auto shared_reply = std::make_shared<Reply<Response>>(std::move(reply));
  const bool taken =
      workers.Submit([shared_reply, work = std::move(work)]() mutable { (*shared_reply)(work()); });
  if (!taken) (*shared_reply)(absl::ResourceExhaustedError("Too many requests wait for a worker."));
}

}  // namespace afluente::broker::wire
