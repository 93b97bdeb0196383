#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "http/server.h"
#include "source/api_keys.h"

namespace afluente::broker {
class Publisher;
}
namespace afluente::telemetry {
class Metrics;
}

namespace afluente::source {

class IdempotencyKeys;

struct HttpIngestOptions {
  std::string project;
  std::vector<ApiKey> keys;  // of `api_keys_file`
  bool keys_required = false;
  bool callers_are_known = false;  // somebody before the door has asked who calls
  std::vector<std::string> hosts;  // besides loopback, where no keys are required
  uint64_t unpacked_bytes_max = 100 << 20;
  int threads = 2;
  size_t waiting_max = 256;  // requests that wait for a thread; beyond it 503
};

// The door POST /ingest/{topic}: a body's records become messages, and the answer comes when they
// are on disk. Who may publish is asked by key, or else everybody on this machine may. Owned by a
// role; its handler runs on I/O threads, the rest on threads of its own.
class HttpIngest {
 public:
  // `keys` is nullptr where nothing is remembered: a request with an Idempotency-Key is refused.
  static std::unique_ptr<HttpIngest> Create(HttpIngestOptions options, broker::Publisher& publisher,
                                            IdempotencyKeys* keys, telemetry::Metrics& metrics);
  // Waits for the requests under way.
  virtual ~HttpIngest() = default;
  virtual http::Handler handler() = 0;
};

}  // namespace afluente::source
