#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <string>

#include "http/server.h"
#include "telemetry/metrics.h"

namespace afluente::api {

// The counters and the latency of one endpoint's requests. Lives as long as the registry's user;
// any thread.
class RequestMetrics {
 public:
  RequestMetrics(telemetry::Metrics& metrics, std::string endpoint);
  void Record(int status, std::chrono::steady_clock::duration took);
  // Records when the answer is given.
  http::Responder Measure(http::Responder responder);

 private:
  static constexpr int kStatusMax = 600;
  static constexpr std::chrono::milliseconds kSlow{500};
  void LogSlow(int status, std::chrono::steady_clock::duration took);
  telemetry::Metrics& metrics_;
  const std::string endpoint_;
  telemetry::Histogram& seconds_;
  std::atomic<int64_t> last_slow_{0};
  // Looked up once a status: the registry's lookup takes a lock.
  std::array<std::atomic<telemetry::Counter*>, kStatusMax> by_status_{};
};

}  // namespace afluente::api
