#include "warehouse/bigquery/rest_client.h"

#include <algorithm>
#include <utility>

#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "host/cancellation.h"
#include "host/check.h"
#include "host/random.h"
#include "http/connection_pool.h"
#include "schema/text.h"
#include "warehouse/bigquery/json_member.h"

namespace afluente::warehouse::bigquery {
namespace {

using nlohmann::json;
using schema::Concat;
using std::chrono::milliseconds;

milliseconds Left(const host::Clock& clock, const CallLimits& limits) {
  return std::chrono::duration_cast<milliseconds>(limits.deadline - clock.Monotonic());
}

bool Cancelled(const CallLimits& limits) {
  return limits.cancellation != nullptr && limits.cancellation->cancelled();
}

// What one request waits on: its answer or the caller's end. Shared by whoever comes last.
struct Waiting {
  absl::Mutex mutex;
  bool done ABSL_GUARDED_BY(mutex) = false;
  absl::StatusOr<http::Response> answer ABSL_GUARDED_BY(mutex) = absl::CancelledError("cancelled");

  void Finish(absl::StatusOr<http::Response> with) {
    absl::MutexLock lock(&mutex);
    if (done) return;
    answer = std::move(with);
    done = true;
  }
};

// True when the caller was not cancelled meanwhile.
bool Pause(milliseconds pause, const CallLimits& limits) {
  auto woken = std::make_shared<absl::Notification>();  // shared: the cancellation may come late
  if (limits.cancellation != nullptr) {
    limits.cancellation->OnCancel([woken] { woken->Notify(); });
  }
  return !woken->WaitForNotificationWithTimeout(absl::FromChrono(pause));
}

// The first entry of `errors` says why in BigQuery's own word.
std::string ReasonOf(const json& error) {
  if (std::string reason = Text(error, "reason"); !reason.empty()) return reason;
  const json& errors = List(error, "errors");
  return errors.empty() ? "" : Text(errors.front(), "reason");
}

absl::StatusCode CodeOfReason(std::string_view reason) {
  struct Row {
    std::string_view reason;
    absl::StatusCode code;
  };
  static constexpr Row kRows[] = {
      {"invalid", absl::StatusCode::kInvalidArgument},
      {"invalidQuery", absl::StatusCode::kInvalidArgument},
      {"notFound", absl::StatusCode::kNotFound},
      {"duplicate", absl::StatusCode::kAlreadyExists},
      {"accessDenied", absl::StatusCode::kPermissionDenied},
      {"billingNotEnabled", absl::StatusCode::kPermissionDenied},
      {"stopped", absl::StatusCode::kCancelled},
      {"timeout", absl::StatusCode::kDeadlineExceeded},
      {"notImplemented", absl::StatusCode::kUnimplemented},
      {"rateLimitExceeded", absl::StatusCode::kResourceExhausted},
      {"jobRateLimitExceeded", absl::StatusCode::kResourceExhausted},
      {"quotaExceeded", absl::StatusCode::kResourceExhausted},
      {"billingTierLimitExceeded", absl::StatusCode::kResourceExhausted},
      {"bytesBilledLimitExceeded", absl::StatusCode::kResourceExhausted},
      {"resourcesExceeded", absl::StatusCode::kResourceExhausted},
      {"responseTooLarge", absl::StatusCode::kResourceExhausted},
      {"conditionNotMet", absl::StatusCode::kFailedPrecondition},
      {"resourceInUse", absl::StatusCode::kFailedPrecondition},
      {"backendError", absl::StatusCode::kUnavailable},
      {"jobBackendError", absl::StatusCode::kUnavailable},
      {"internalError", absl::StatusCode::kUnavailable},
      {"jobInternalError", absl::StatusCode::kUnavailable},
      {"tableUnavailable", absl::StatusCode::kUnavailable},
  };
  for (const Row& row : kRows) {
    if (row.reason == reason) return row.code;
  }
  return absl::StatusCode::kOk;  // not a reason that we know
}

absl::StatusCode CodeOfHttp(int code) {
  switch (code) {
    case 400:
      return absl::StatusCode::kInvalidArgument;
    case 401:
      return absl::StatusCode::kUnauthenticated;
    case 403:
      return absl::StatusCode::kPermissionDenied;
    case 404:
      return absl::StatusCode::kNotFound;
    case 409:
      return absl::StatusCode::kAlreadyExists;
    case 412:
      return absl::StatusCode::kFailedPrecondition;
    case 429:
      return absl::StatusCode::kResourceExhausted;
    case 501:
      return absl::StatusCode::kUnimplemented;
    default:
      return code >= 500 ? absl::StatusCode::kUnavailable : absl::StatusCode::kInternal;
  }
}

// A quota that time alone gives back, unlike a bill's limit or a query that is too large.
bool IsQuota(const json& error, int code) {
  const std::string reason = ReasonOf(error);
  return code == 429 || reason == "rateLimitExceeded" || reason == "jobRateLimitExceeded" ||
         reason == "quotaExceeded";
}

struct Answered {
  absl::StatusOr<json> result;
  bool quota = false;
  bool again = false;
};

Answered Read(const http::Response& response) {
  json body = response.body.empty()
                  ? json()
                  : json::parse(response.body, nullptr, /*allow_exceptions=*/false);
  if (response.status >= 200 && response.status < 300) {
    if (body.is_discarded()) {
      return {absl::UnavailableError("BigQuery's answer is not JSON"), false, true};
    }
    return {std::move(body)};
  }
  const json& error = Member(body, "error");
  const absl::Status status = StatusOf(response.status, error);
  const bool quota = IsQuota(error, response.status);
  return {status, quota, quota || absl::IsUnavailable(status)};
}

}  // namespace

absl::Status StatusOf(int code, const json& error) {
  const absl::StatusCode by_reason = CodeOfReason(ReasonOf(error));
  const absl::StatusCode status =
      by_reason == absl::StatusCode::kOk ? CodeOfHttp(code == 0 ? 400 : code) : by_reason;
  std::string message = Text(error, "message");
  if (message.empty()) message = Concat("BigQuery answered ", code);
  return absl::Status(status, message);
}

RestClient::RestClient(http::ConnectionPool& pool, AccessToken token, const host::Clock& clock,
                       RestOptions options)
    : pool_(pool), token_(std::move(token)), clock_(clock), options_(std::move(options)) {}

absl::Status RestClient::QuotaIsLeft() {
  absl::MutexLock lock(&mutex_);
  if (clock_.Monotonic() >= quota_again_) return absl::OkStatus();
  return absl::ResourceExhaustedError("BigQuery's quota is used up for now");
}

void RestClient::QuotaIsUsedUp() {
  absl::MutexLock lock(&mutex_);
  quota_again_ = clock_.Monotonic() + options_.quota_pause;
}

absl::StatusOr<http::Response> RestClient::Send(const RestCall& call, const CallLimits& limits) {
  http::OutgoingRequest request{call.method, Concat(options_.endpoint, call.path), {}, call.body};
  if (!call.body.empty()) request.headers.Set("Content-Type", "application/json");
  AFLUENTE_ASSIGN_OR_RETURN(const std::string token, token_());
  if (!token.empty()) request.headers.Set("Authorization", Concat("Bearer ", token));
  // Shared with the pool and the cancellation, either of which may come after we have gone.
  auto waiting = std::make_shared<Waiting>();
  const milliseconds timeout = std::min(options_.attempt_timeout, Left(clock_, limits));
  if (limits.cancellation != nullptr) {
    limits.cancellation->OnCancel(
        [waiting] { waiting->Finish(absl::CancelledError("cancelled")); });
  }
  pool_.Send(
      std::move(request), std::max(timeout, milliseconds(1)),
      [waiting](absl::StatusOr<http::Response> answer) { waiting->Finish(std::move(answer)); });
  absl::MutexLock lock(&waiting->mutex);
  waiting->mutex.Await(absl::Condition(&waiting->done));
  return std::move(waiting->answer);
}

absl::StatusOr<json> RestClient::Call(const RestCall& call, const CallLimits& limits) {
  milliseconds pause = options_.pause_first;
  while (true) {
    if (Cancelled(limits)) return absl::CancelledError("cancelled");
    if (Left(clock_, limits) <= milliseconds(0)) {
      return absl::DeadlineExceededError("BigQuery did not answer in time");
    }
    AFLUENTE_RETURN_IF_ERROR(QuotaIsLeft());
    absl::StatusOr<http::Response> response = Send(call, limits);
    Answered answered{absl::UnavailableError("")};
    if (response.ok()) {
      answered = Read(*response);
    } else {
      answered.result = response.status();
      answered.again =
          absl::IsUnavailable(response.status()) || absl::IsDeadlineExceeded(response.status());
    }
    if (answered.result.ok() || !answered.again || !call.repeatable) return answered.result;
    // Full jitter, so that instances that failed together do not come back together.
    const milliseconds wait(host::RandomUint64() % static_cast<uint64_t>(pause.count()) + 1);
    if (Left(clock_, limits) <= wait) {
      if (answered.quota) QuotaIsUsedUp();
      return answered.result;
    }
    if (!Pause(wait, limits)) return absl::CancelledError("cancelled");
    pause = std::min(pause * 2, options_.pause_max);
  }
}

}  // namespace afluente::warehouse::bigquery
