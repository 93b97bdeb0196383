#include "api/live_document.h"

#include <memory>
#include <utility>

#include "api/endpoint.h"
#include "api/endpoint_query.h"
#include "api/openapi.h"
#include "host/worker_pool.h"
#include "spec/endpoint.h"

namespace afluente::api {
namespace {

constexpr std::chrono::seconds kKept{10};
constexpr std::chrono::milliseconds kTimeout{1'000};

}  // namespace

LiveDocument::LiveDocument(std::vector<const ServedEndpoint*> endpoints, std::string title,
                           std::string version, host::WorkerPool& workers, const host::Clock& clock)
    : endpoints_(std::move(endpoints)),
      title_(std::move(title)),
      version_(std::move(version)),
      workers_(workers),
      clock_(clock) {}

void LiveDocument::Answer(std::set<std::string> shown, http::Responder responder) {
  // Shared so that the responder is still here when the pool refuses the task.
  auto waiting = std::make_shared<http::Responder>(std::move(responder));
  const bool taken = workers_.Submit([this, waiting, shown = std::move(shown)] {
    std::map<std::string, std::string> examples;
    for (const ServedEndpoint* endpoint : endpoints_) {
      const std::string& path = endpoint->endpoint().path;
      if (!shown.contains(path)) continue;
      std::string rows = Rows(*endpoint);
      if (!rows.empty()) examples.emplace(path, std::move(rows));
    }
    (*waiting)(http::Response::Json(200, OpenApiDocument(endpoints_, title_, version_, examples)));
  });
  if (taken) return;
  (*waiting)(http::Response::Json(200, OpenApiDocument(endpoints_, title_, version_, {})));
}

std::string LiveDocument::Rows(const ServedEndpoint& endpoint) {
  const std::string& path = endpoint.endpoint().path;
  const std::string tag = endpoint.query().ExampleTag();
  const host::MonotonicTime now = clock_.Monotonic();
  {
    absl::MutexLock lock(&mutex_);
    const auto known = examples_.find(path);
    if (known != examples_.end()) {
      const Example& example = known->second;
      const bool same = !tag.empty() && example.tag == tag;
      if (same || now - example.taken_at < kKept) return example.rows;
    }
  }
  // The reason why there is none is not this caller's: such a statement tells it when it is asked.
  warehouse::QueryLimits limits;
  limits.timeout = kTimeout;
  const auto rows = endpoint.query().ExampleRows(limits);
  absl::MutexLock lock(&mutex_);
  examples_[path] = Example{rows.value_or(""), tag, now};
  return rows.value_or("");
}

}  // namespace afluente::api
