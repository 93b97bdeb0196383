#include "api/request_metrics.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "telemetry/log.h"
#include "telemetry/metric_names.h"

namespace afluente::api {

RequestMetrics::RequestMetrics(telemetry::Metrics& metrics, std::string endpoint)
    : metrics_(metrics),
      endpoint_(std::move(endpoint)),
      seconds_(metrics.GetHistogram(telemetry::kApiRequestSeconds,
                                    "Time from a request's arrival to its answer, in seconds",
                                    {{"endpoint", endpoint_}})) {}

void RequestMetrics::Record(int status, std::chrono::steady_clock::duration took) {
  seconds_.Observe(std::chrono::duration<double>(took).count());
  if (took >= kSlow) LogSlow(status, took);
  auto& cached = by_status_[std::clamp(status, 0, kStatusMax - 1)];
  telemetry::Counter* counter = cached.load(std::memory_order_acquire);
  if (counter == nullptr) {
    counter = &metrics_.GetCounter(telemetry::kApiRequests, "Requests answered by the API",
                                   {{"endpoint", endpoint_}, {"status", std::to_string(status)}});
    cached.store(counter, std::memory_order_release);
  }
  counter->Add();
}

// At most one line a second: an API that is slow as a whole must not drown the log.
void RequestMetrics::LogSlow(int status, std::chrono::steady_clock::duration took) {
  const int64_t now = std::chrono::duration_cast<std::chrono::seconds>(
                          std::chrono::steady_clock::now().time_since_epoch())
                          .count();
  if (last_slow_.exchange(now, std::memory_order_relaxed) == now) return;
  telemetry::Log(
      telemetry::Severity::kWarning, "slow request",
      {{"endpoint", endpoint_},
       {"status", std::to_string(status)},
       {"milliseconds",
        absl::StrCat(std::chrono::duration_cast<std::chrono::milliseconds>(took).count())}});
}

http::Responder RequestMetrics::Measure(http::Responder responder) {
  return [this, start = std::chrono::steady_clock::now(),
          responder = std::move(responder)](http::Response response) mutable {
    Record(response.status, std::chrono::steady_clock::now() - start);
    responder(std::move(response));
  };
}

}  // namespace afluente::api
