#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "telemetry/history.h"

namespace afluente::http {
class BodyStream;
}

namespace afluente::console {

// The charts' points as server-sent events: to each listener the values that changed since its last
// event, of the series whose names begin as it asked. A listener that is too slow is dropped; it
// comes back by itself. Thread-safe.
class EventFeed {
 public:
  static constexpr size_t kListenersMax = 64;

  // RESOURCE_EXHAUSTED when too many listen, UNAVAILABLE once stopped.
  absl::Status Join(std::vector<std::string> beginnings, std::shared_ptr<http::BodyStream> stream);
  void Send(int64_t second, const telemetry::History::Values& values);
  void Stop();

 private:
  struct Listener {
    std::vector<std::string> beginnings;
    std::shared_ptr<http::BodyStream> stream;  // shared with its connection
    absl::flat_hash_map<std::string, float> sent;
  };
  static std::string EventFor(Listener& listener, int64_t second,
                              const telemetry::History::Values& values);

  absl::Mutex mutex_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::unique_ptr<Listener>> listeners_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace afluente::console
