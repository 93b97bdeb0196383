#pragma once

#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "host/worker_pool.h"
#include "http/problem.h"
#include "http/server.h"

namespace afluente::console {

inline http::Response ToResponse(std::string json) {
  return http::Response::Json(200, std::move(json));
}
inline http::Response ToResponse(http::Response response) { return response; }

// Runs blocking work, which gives a StatusOr of JSON or of a response, off the I/O threads and
// answers with it or with its problem.
template <typename Work>
void AnswerFromWorker(host::WorkerPool& workers, http::Responder responder, Work work) {
  auto shared = std::make_shared<http::Responder>(std::move(responder));
  const bool taken = workers.Submit([shared, work = std::move(work)]() mutable {
    auto result = work();
    (*shared)(result.ok() ? ToResponse(*std::move(result)) : http::Problem(result.status()));
  });
  if (!taken) {
    (*shared)(http::Problem(absl::ResourceExhaustedError("too many commands wait")));
  }
}

}  // namespace afluente::console
