#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "host/clock.h"
#include "http/server.h"

namespace afluente::host {
class WorkerPool;
}

namespace afluente::api {

class ServedEndpoint;

// /openapi.json with examples from the data, which are taken when someone asks and again once their
// tables have changed, at most every ten seconds. Any thread; outlives its last task; keeps
// nothing.
class LiveDocument {
 public:
  LiveDocument(std::vector<const ServedEndpoint*> endpoints, std::string title, std::string version,
               host::WorkerPool& workers, const host::Clock& clock);

  // Answers from a worker with rows of the endpoints whose paths are in `shown`; at once with none
  // when no worker is free. Does not block.
  void Answer(std::set<std::string> shown, http::Responder responder);

 private:
  struct Example {
    std::string rows;  // a JSON array; empty: there is none
    std::string tag;   // of the tables that they were read at
    host::MonotonicTime taken_at;
  };
  std::string Rows(const ServedEndpoint& endpoint);

  const std::vector<const ServedEndpoint*> endpoints_;
  const std::string title_;
  const std::string version_;
  host::WorkerPool& workers_;
  const host::Clock& clock_;
  absl::Mutex mutex_;
  std::map<std::string, Example> examples_ ABSL_GUARDED_BY(mutex_);  // by path
};

}  // namespace afluente::api
