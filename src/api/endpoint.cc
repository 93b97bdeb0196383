#include "api/endpoint.h"

#include <algorithm>
#include <utility>

#include "api/answer_cache.h"
#include "api/answer_format.h"
#include "api/cors.h"
#include "api/endpoint_query.h"
#include "api/entity_tag.h"
#include "api/live_tail.h"
#include "api/rate_limiter.h"
#include "api/request_metrics.h"
#include "host/cancellation.h"
#include "host/check.h"
#include "host/worker_pool.h"
#include "http/content_coding.h"
#include "http/problem.h"
#include "schema/format_value.h"
#include "schema/text.h"
#include "telemetry/log.h"

namespace afluente::api {
namespace {

using schema::Concat;

std::string_view View(absl::string_view text) { return {text.data(), text.size()}; }

std::string_view FieldOf(const http::Request& request, std::string_view name) {
  const std::string* value = request.headers.Find(name);
  return value == nullptr ? std::string_view() : std::string_view(*value);
}

bool IsText(schema::TypeKind kind) {
  return kind == schema::TypeKind::kString || kind == schema::TypeKind::kBytes ||
         kind == schema::TypeKind::kJson;
}

// A status of the warehouse as the caller sees it. Its message may hold SQL or paths, so it stays
// in the log.
http::Response QueryProblem(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kDeadlineExceeded:
      return http::Problem(504, "Gateway Timeout", "the statement did not finish in time");
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kFailedPrecondition:
      return http::Problem(422, "Unprocessable Content",
                           "the endpoint's statement failed for these parameters");
    case absl::StatusCode::kCancelled:
      return http::Problem(499, "Client Closed Request", "the client left before its answer");
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kAborted:
      return http::Problem(503, "Service Unavailable", "the warehouse cannot answer now");
    default:
      return http::Problem(500, "Internal Server Error", "the statement failed");
  }
}

http::Response TooManyRequests(const RateLimiter::Verdict& verdict) {
  http::Response refusal =
      http::Problem(429, "Too Many Requests",
                    Concat("more than this endpoint's limit of ", verdict.limit,
                           " requests; wait as long as Retry-After says"));
  refusal.headers.Add("Retry-After", std::to_string(verdict.retry_after.count()));
  return refusal;
}

}  // namespace

// One request on its way: moved from the I/O thread to a worker, or kept waiting in the cache.
struct ServedEndpoint::Visit {
  Question question;
  std::string none_match;
  std::string request_id;
  http::ContentCoding coding = http::ContentCoding::kIdentity;
  std::string tag;        // of the versions when it arrived; empty: none
  std::string cache_key;  // empty: not cached
  std::shared_ptr<host::Cancellation> cancellation;
  host::MonotonicTime deadline;
  http::Responder responder;
};

ServedEndpoint::ServedEndpoint(std::unique_ptr<EndpointQuery> query, const EndpointPorts& ports,
                               const EndpointOptions& options)
    : query_(std::move(query)),
      ports_(ports),
      options_(options),
      cors_(std::make_unique<Cors>(endpoint().cors)),
      vary_(VaryFields()),
      metrics_(std::make_unique<RequestMetrics>(ports.metrics, endpoint().path)),
      limiter_(endpoint().rate_limit
                   ? std::make_unique<RateLimiter>(endpoint().rate_limit->requests,
                                                   endpoint().rate_limit->period, ports.clock)
                   : nullptr),
      has_suffixes_(ReadSuffixes()) {}

ServedEndpoint::~ServedEndpoint() = default;

absl::StatusOr<std::unique_ptr<ServedEndpoint>> ServedEndpoint::Create(
    const spec::Endpoint& endpoint, const EndpointPorts& ports, const EndpointOptions& options) {
  AFLUENTE_ASSIGN_OR_RETURN(auto query, EndpointQuery::Create(endpoint, ports.warehouse, options));
  return std::unique_ptr<ServedEndpoint>(new ServedEndpoint(std::move(query), ports, options));
}

const spec::Endpoint& ServedEndpoint::endpoint() const { return query_->endpoint(); }
const std::vector<schema::Column>& ServedEndpoint::columns() const {
  return query_->rules().columns;
}
bool ServedEndpoint::InPath(const std::string& name) const { return query_->InPath(name); }

bool ServedEndpoint::ReadSuffixes() const {
  const std::string& path = endpoint().path;
  if (path.empty() || path.back() != '}') return true;
  for (const spec::EndpointParameter& parameter : endpoint().parameters) {
    if (path.ends_with(Concat("{", parameter.name, "}"))) return !IsText(parameter.type.kind);
  }
  return true;
}

std::string ServedEndpoint::VaryFields() const {
  std::string fields = "Accept, Accept-Encoding";
  if (cors_->any()) fields += ", Origin";
  if (!options_.caller_fields.empty()) fields += ", " + options_.caller_fields;
  return fields;
}

void ServedEndpoint::Options(const http::Request& request, http::Responder responder) {
  metrics_->Measure(std::move(responder))(cors_->Options(request));
}

// Counts the answer and completes it with what every answer to this caller has. nullptr when the
// caller is over its limit, which is answered here.
http::Responder ServedEndpoint::Admit(const http::Request& request, const Caller& caller,
                                      http::Responder responder) {
  responder = metrics_->Measure(std::move(responder));
  if (cors_->any()) {
    http::Response fields;
    cors_->Decorate(request, fields);
    responder = [fields = std::move(fields),
                 next = std::move(responder)](http::Response response) mutable {
      for (const auto& [name, value] : fields.headers.entries()) response.headers.Set(name, value);
      next(std::move(response));
    };
  }
  if (limiter_ == nullptr) return responder;
  const RateLimiter::Verdict verdict = limiter_->Take(caller.key());
  responder = [verdict, next = std::move(responder)](http::Response response) mutable {
    response.headers.Set("X-RateLimit-Limit", std::to_string(verdict.limit));
    response.headers.Set("X-RateLimit-Remaining", std::to_string(verdict.remaining));
    response.headers.Set("X-RateLimit-Reset", std::to_string(verdict.reset.count()));
    next(std::move(response));
  };
  if (verdict.allowed) return responder;
  responder(TooManyRequests(verdict));
  return nullptr;
}

void ServedEndpoint::Serve(std::optional<AnswerFormat> format, const Caller& caller,
                           http::Request request, const http::PathParameters& path,
                           http::Responder responder) {
  responder = Admit(request, caller, std::move(responder));
  if (responder == nullptr) return;
  if (!format.has_value() && WantsEvents(FieldOf(request, "Accept"))) {
    return responder(Tail(caller, request, path));
  }
  if (!format.has_value()) format = NegotiateFormat(FieldOf(request, "Accept"));
  if (!format.has_value()) {
    return responder(
        http::Problem(406, "Not Acceptable", Concat("this endpoint answers ", OfferedTypes())));
  }
  auto question = query_->Read(*format, caller, request, path);
  if (!question.ok()) return responder(http::Problem(question.status()));
  // Shared so that the responder is still here when the pool refuses the task.
  auto visit = std::make_shared<Visit>();
  visit->question = *std::move(question);
  visit->none_match = FieldOf(request, "If-None-Match");
  visit->request_id = FieldOf(request, "X-Request-Id");
  visit->coding = http::NegotiateCoding(FieldOf(request, "Accept-Encoding"));
  visit->cancellation = std::move(request.cancellation);
  visit->deadline = ports_.clock.Monotonic() + endpoint().timeout.value_or(options_.timeout);
  visit->responder = std::move(responder);
  Answer(std::move(visit));
}

// New rows as they come, for as long as the client stays.
http::Response ServedEndpoint::Tail(const Caller& caller, const http::Request& request,
                                    const http::PathParameters& path) {
  if (!query_->deterministic()) {
    return http::Problem(406, "Not Acceptable",
                         "this endpoint's answers change by themselves, so there is no telling "
                         "new rows");
  }
  auto question = query_->Read(AnswerFormat::kNdjson, caller, request, path);
  if (!question.ok()) return http::Problem(question.status());
  question->page_rows.reset();
  question->order.clear();
  LiveTail::Source source;
  source.key = question->key;
  source.version = [this, asked = *question] { return query_->Tag(asked); };
  source.rows_as_lines = [this, asked = *question]() -> absl::StatusOr<std::string> {
    warehouse::QueryLimits limits;
    limits.timeout = endpoint().timeout.value_or(options_.timeout);
    AFLUENTE_ASSIGN_OR_RETURN(http::Response answer, query_->Run(asked, limits));
    return std::move(answer.body);
  };
  http::Response response = http::Response::Text(200, "text/event-stream", "");
  response.headers.Add("Cache-Control", "no-store");
  response.headers.Add("Vary", vary_);
  response.headers.Add("X-Accel-Buffering", "no");  // proxies would hold the events back
  response.stream = std::make_shared<http::BodyStream>();
  auto until = host::MonotonicTime::max();
  if (caller.until != 0) {
    const host::WallTime end(std::chrono::seconds(caller.until));
    until = ports_.clock.Monotonic() +
            std::chrono::duration_cast<std::chrono::nanoseconds>(end - ports_.clock.Now());
  }
  const absl::Status joined = ports_.tail.Join(std::move(source), FieldOf(request, "Last-Event-ID"),
                                               response.stream, until);
  if (joined.ok()) return response;
  http::Response refusal =
      http::Problem(503, "Service Unavailable", "no more live tails can be opened now");
  refusal.headers.Add("Retry-After", "10");
  return refusal;
}

// From memory, by 304, by waiting for another's answer, or by a worker.
void ServedEndpoint::Answer(std::shared_ptr<Visit> visit) {
  std::string fresh = Freshness();  // before the versions: the data may only be newer
  visit->tag = query_->Tag(visit->question);
  if (endpoint().cache.has_value()) {
    visit->cache_key = visit->question.key;
    visit->cache_key += static_cast<char>(visit->coding);
    const auto kept = ports_.cache.Find(visit->cache_key);
    const bool young =
        kept != nullptr && ports_.clock.Monotonic() - kept->made_at < *endpoint().cache;
    const bool same = kept != nullptr && !visit->tag.empty() && kept->tag == visit->tag;
    if (young || same) return Give(*visit, *kept);
  }
  if (!visit->tag.empty() && NoneMatchNames(visit->none_match, visit->tag)) {
    KeptAnswer unchanged;
    unchanged.freshness = std::move(fresh);
    unchanged.tag = visit->tag;
    unchanged.made_at = ports_.clock.Monotonic();
    return Give(*visit, unchanged);
  }
  if (!visit->cache_key.empty()) {
    AnswerCache::Waiter waiter = [this, visit](AnswerCache::Kept kept) { Give(*visit, *kept); };
    if (!ports_.cache.Begin(visit->cache_key, waiter)) return;
    visit->cancellation = nullptr;  // others may wait for it too
  }
  Submit(std::move(visit));
}

void ServedEndpoint::Submit(std::shared_ptr<Visit> visit) {
  const bool taken = ports_.workers.Submit([this, visit] { Finish(visit, Make(*visit)); });
  if (taken) return;
  auto refusal = std::make_shared<KeptAnswer>();
  refusal->response =
      http::Problem(503, "Service Unavailable", "too many requests are waiting for a worker");
  refusal->response.headers.Add("Retry-After", "1");
  Finish(visit, std::move(refusal));
}

AnswerCache::Kept ServedEndpoint::Make(const Visit& visit) const {
  auto answer = std::make_shared<KeptAnswer>();
  answer->freshness = Freshness();
  warehouse::QueryLimits limits;
  limits.timeout = std::chrono::duration_cast<std::chrono::milliseconds>(visit.deadline -
                                                                         ports_.clock.Monotonic());
  limits.cancellation = visit.cancellation;
  absl::StatusOr<http::Response> response =
      absl::DeadlineExceededError("waited too long for a worker");
  if (visit.cancellation != nullptr && visit.cancellation->cancelled()) {
    response = absl::CancelledError("the client left");
  } else if (limits.timeout->count() > 0) {
    response = query_->Run(visit.question, limits);
  }
  answer->made_at = ports_.clock.Monotonic();
  if (!response.ok()) {
    answer->response = Refusal(response.status(), visit.request_id);
    return answer;
  }
  answer->response = *std::move(response);
  answer->tag = visit.tag;
  if (IsCompressible(visit.question.format)) http::EncodeBody(visit.coding, answer->response);
  return answer;
}

void ServedEndpoint::Finish(const std::shared_ptr<Visit>& visit, AnswerCache::Kept answer) {
  if (!visit->cache_key.empty()) {
    ports_.cache.Finish(visit->cache_key, answer, answer->response.status == 200);
  }
  Give(*visit, *answer);
}

void ServedEndpoint::Give(Visit& visit, const KeptAnswer& kept) const {
  http::Response response;
  const bool unchanged = !kept.tag.empty() && NoneMatchNames(visit.none_match, kept.tag);
  if (unchanged) {
    response.status = 304;
  } else {
    response = kept.response;
  }
  if (response.status == 200 || unchanged) {
    if (!kept.tag.empty()) response.headers.Add("ETag", kept.tag);
    if (!kept.freshness.empty()) response.headers.Add("X-Data-Freshness", kept.freshness);
    response.headers.Add("Vary", vary_);
    response.headers.Add("Cache-Control", CacheControl(kept));
  }
  visit.responder(std::move(response));
}

// Of the table that is furthest behind, among those that something feeds.
std::string ServedEndpoint::Freshness() const {
  if (!options_.freshness) return "";
  std::optional<host::WallTime> oldest;
  for (const warehouse::TableName& table : query_->tables_read()) {
    const auto newest = options_.freshness(table);
    if (newest && (!oldest || *newest < *oldest)) oldest = newest;
  }
  return oldest ? schema::FormatRfc3339(oldest->time_since_epoch().count()) : "";
}

// People who share a browser share its memory, so that an answer that is one caller's alone is
// asked for again each time; its tag tells callers apart.
std::string ServedEndpoint::CacheControl(const KeptAnswer& kept) const {
  if (query_->ReadsCaller()) return kept.tag.empty() ? "private, no-store" : "private, no-cache";
  if (!endpoint().cache.has_value()) return "private, no-cache";
  const auto age = ports_.clock.Monotonic() - kept.made_at;
  const auto left = std::chrono::duration_cast<std::chrono::seconds>(*endpoint().cache - age);
  return Concat("private, max-age=", std::max<int64_t>(0, left.count()));
}

http::Response ServedEndpoint::Refusal(const absl::Status& status,
                                       const std::string& request_id) const {
  if (EndpointQuery::IsTooLarge(status)) {
    return http::Problem(422, "Unprocessable Content", View(status.message()));
  }
  telemetry::Log(telemetry::Severity::kWarning, "an endpoint's statement failed",
                 {{"endpoint", endpoint().path},
                  {"request_id", request_id},
                  {"error", std::string(View(status.message()))}});
  http::Response problem = QueryProblem(status);
  if (problem.status == 503) problem.headers.Add("Retry-After", "1");
  return problem;
}

}  // namespace afluente::api
