#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "host/clock.h"
#include "http/body_stream.h"

namespace afluente::host {
class WorkerPool;
}

namespace afluente::api {

struct LiveTailLimits {
  size_t feeds_max = 256;
  size_t listeners_max = 1'000;
  size_t kept_bytes_max = 1 << 20;  // of events a feed, for those who come back
  std::chrono::milliseconds look{100};
  std::chrono::milliseconds heartbeat{15'000};
  std::chrono::milliseconds linger{60'000};  // a feed without listeners
};

// Sends the rows that come into answers as server-sent events (HTML standard, 9.2). Questions with
// one key share a feed: it runs their statement when a table's version has changed, and numbers the
// rows that were not there before. One thread looks at the versions and does all writing;
// statements run on the workers. Owned by the API and stopped with it; nothing is kept on disk, so
// after a restart a listener that comes back gets a "reset" event.
class LiveTail {
 public:
  // What a feed watches; both are called from any thread.
  struct Source {
    std::string key;
    std::function<std::string()> version;                        // empty: cannot be told now
    std::function<absl::StatusOr<std::string>()> rows_as_lines;  // one JSON object a line
  };

  LiveTail(host::WorkerPool& workers, const host::Clock& clock, LiveTailLimits limits = {});
  ~LiveTail();

  // Sends a source's new rows into the stream until its peer is gone. `last_event_id` is where a
  // listener left off, or empty. At `until` the stream ends: who listens must come back and prove
  // again who they are. RESOURCE_EXHAUSTED at a limit.
  absl::Status Join(Source source, std::string_view last_event_id,
                    std::shared_ptr<http::BodyStream> stream,
                    host::MonotonicTime until = host::MonotonicTime::max());
  // Ends every stream and waits for the thread; the workers must have ended or be still there.
  void Stop();

 private:
  struct Feed;
  struct Listener {
    std::shared_ptr<http::BodyStream> stream;  // shared with the connection
    uint64_t sent = 0;                         // the last event
    bool greeted = false;
    bool lost = false;  // what it missed is not kept any more
    host::MonotonicTime wrote_at;
    host::MonotonicTime until;
  };
  struct Outgoing {
    std::shared_ptr<http::BodyStream> stream;
    std::string text;
    bool last = false;
  };

  void Loop();
  void Look();
  void Evaluate(const std::shared_ptr<Feed>& feed, std::string version);
  std::vector<Outgoing> Gather() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Drop(const http::BodyStream* stream);

  host::WorkerPool& workers_;
  const host::Clock& clock_;
  const LiveTailLimits limits_;
  const std::string epoch_;
  absl::Mutex mutex_;
  absl::CondVar changed_;
  // Shared with the workers that evaluate them.
  std::map<std::string, std::shared_ptr<Feed>> feeds_ ABSL_GUARDED_BY(mutex_);
  size_t listeners_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace afluente::api
