#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "api/caller.h"
#include "api/endpoint_options.h"
#include "http/path_parameters.h"
#include "http/server.h"
#include "schema/type.h"

namespace afluente::host {
class Clock;
class WorkerPool;
}  // namespace afluente::host
namespace afluente::spec {
struct Endpoint;
}
namespace afluente::telemetry {
class Metrics;
}
namespace afluente::warehouse {
class Warehouse;
}

namespace afluente::api {

class AnswerCache;
class Cors;
class EndpointQuery;
class LiveTail;
class RateLimiter;
class RequestMetrics;
enum class AnswerFormat;
struct KeptAnswer;

// What endpoints share. All outlive them.
struct EndpointPorts {
  warehouse::Warehouse& warehouse;
  host::WorkerPool& workers;
  telemetry::Metrics& metrics;
  const host::Clock& clock;
  AnswerCache& cache;
  LiveTail& tail;
};

// One endpoint of the spec: limits its callers, answers from memory or 304 on the I/O thread, and
// runs the statement on a worker. Immutable but for its limiter; any thread.
class ServedEndpoint {
 public:
  ~ServedEndpoint();
  // The errors of EndpointQuery::Create.
  static absl::StatusOr<std::unique_ptr<ServedEndpoint>> Create(const spec::Endpoint& endpoint,
                                                                const EndpointPorts& ports,
                                                                const EndpointOptions& options);

  // Answers from a worker, or at once when that needs no statement. `format` is the path's suffix;
  // without one Accept decides. Does not block.
  void Serve(std::optional<AnswerFormat> format, const Caller& caller, http::Request request,
             const http::PathParameters& path, http::Responder responder);
  // Answers OPTIONS.
  void Options(const http::Request& request, http::Responder responder);

  const EndpointQuery& query() const { return *query_; }
  const spec::Endpoint& endpoint() const;
  const std::vector<schema::Column>& columns() const;
  const Cors& cors() const { return *cors_; }
  bool InPath(const std::string& name) const;
  // The path with ".csv" and the like after it is told apart from any value of its parameters.
  bool HasSuffixes() const { return has_suffixes_; }
  // Identity is on.
  bool AsksWho() const { return !options_.caller_fields.empty(); }

 private:
  struct Visit;
  ServedEndpoint(std::unique_ptr<EndpointQuery> query, const EndpointPorts& ports,
                 const EndpointOptions& options);
  bool ReadSuffixes() const;
  http::Responder Admit(const http::Request& request, const Caller& caller,
                        http::Responder responder);
  std::string VaryFields() const;
  std::string Freshness() const;
  std::string CacheControl(const KeptAnswer& kept) const;
  http::Response Tail(const Caller& caller, const http::Request& request,
                      const http::PathParameters& path);
  void Answer(std::shared_ptr<Visit> visit);
  void Submit(std::shared_ptr<Visit> visit);
  std::shared_ptr<const KeptAnswer> Make(const Visit& visit) const;
  void Finish(const std::shared_ptr<Visit>& visit, std::shared_ptr<const KeptAnswer> answer);
  void Give(Visit& visit, const KeptAnswer& kept) const;
  http::Response Refusal(const absl::Status& status, const std::string& request_id) const;

  const std::unique_ptr<EndpointQuery> query_;
  const EndpointPorts ports_;
  const EndpointOptions options_;
  const std::unique_ptr<const Cors> cors_;
  const std::string vary_;
  const std::unique_ptr<RequestMetrics> metrics_;
  const std::unique_ptr<RateLimiter> limiter_;  // nullptr: no limit
  const bool has_suffixes_;
};

}  // namespace afluente::api
