#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "host/clock.h"

namespace afluente::host {
class Cancellation;
}
namespace afluente::http {
class ConnectionPool;
struct Response;
}  // namespace afluente::http

namespace afluente::warehouse::bigquery {

// An OAuth 2.0 access token that is good now; empty = none is needed (an emulator). May block.
using AccessToken = std::function<absl::StatusOr<std::string>()>;

struct RestOptions {
  std::string endpoint = "https://bigquery.googleapis.com";
  std::chrono::milliseconds attempt_timeout{60'000};
  std::chrono::milliseconds pause_first{200};
  std::chrono::milliseconds pause_max{10'000};
  // No call is sent for so long after BigQuery said that a quota is used up.
  std::chrono::milliseconds quota_pause{2'000};
};

// One call of BigQuery's REST API.
struct RestCall {
  std::string method = "GET";
  std::string path;  // from the endpoint on, with its query
  std::string body;  // JSON; empty = none
  // May be sent again when nobody knows whether it was done: reads, and what carries a request id.
  bool repeatable = true;
};

// Until when a call may go on, and who may end it earlier.
struct CallLimits {
  host::MonotonicTime deadline;
  std::shared_ptr<host::Cancellation> cancellation = nullptr;  // shared with who asks
};

// Calls BigQuery's REST API with a token, again after pauses where Google's documentation says so
// ("Error messages": backendError, rateLimitExceeded, jobBackendError). Outlived by the pool and
// the clock. Thread-safe.
class RestClient {
 public:
  RestClient(http::ConnectionPool& pool, AccessToken token, const host::Clock& clock,
             RestOptions options);

  // The answer's JSON; null for an empty one. Google's error as a status: its message, and
  // INVALID_ARGUMENT, NOT_FOUND, ALREADY_EXISTS, PERMISSION_DENIED, RESOURCE_EXHAUSTED (also at
  // once, while a quota is used up), FAILED_PRECONDITION, UNAVAILABLE; DEADLINE_EXCEEDED or
  // CANCELLED by `limits`. Blocks.
  absl::StatusOr<nlohmann::json> Call(const RestCall& call, const CallLimits& limits);

  const host::Clock& clock() const { return clock_; }

 private:
  absl::StatusOr<http::Response> Send(const RestCall& call, const CallLimits& limits);
  absl::Status QuotaIsLeft();
  void QuotaIsUsedUp();

  http::ConnectionPool& pool_;
  const AccessToken token_;
  const host::Clock& clock_;
  const RestOptions options_;
  absl::Mutex mutex_;
  host::MonotonicTime quota_again_ ABSL_GUARDED_BY(mutex_){};
};

// The status that an `error` object of BigQuery's, or a job's `errorResult`, stands for. `code` is
// the HTTP status, 0 when there was none.
absl::Status StatusOf(int code, const nlohmann::json& error);

}  // namespace afluente::warehouse::bigquery
