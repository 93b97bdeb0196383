#pragma once

#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "api/endpoint_options.h"
#include "http/router.h"
#include "spec/spec.h"
#include "warehouse/warehouse.h"

namespace afluente::host {
class WorkerPool;
}
namespace afluente::telemetry {
class Metrics;
}
namespace afluente::warehouse {
class RowJsonWriter;
}

namespace afluente::api {

enum class AnswerFormat;
struct Caller;
class RequestMetrics;

// One endpoint of the spec, its statement described: binds a request's parameters, runs the
// statement on a worker and writes the answer. Immutable; any thread.
class ServedEndpoint {
 public:
  ~ServedEndpoint();
  // INVALID_ARGUMENT, beginning with the SQL's file, when the statement is not a query over exactly
  // the declared parameters or has columns that JSON cannot tell apart.
  static absl::StatusOr<std::unique_ptr<ServedEndpoint>> Create(const spec::Endpoint& endpoint,
                                                                warehouse::Warehouse& warehouse,
                                                                host::WorkerPool& workers,
                                                                telemetry::Metrics& metrics,
                                                                const EndpointOptions& options);

  // Answers from a worker, or at once when the request is refused. Does not block.
  void Serve(AnswerFormat format, const Caller& caller, http::Request request,
             const http::PathParameters& path, http::Responder responder);
  // As Serve, in the format that the request's Accept names.
  void Negotiate(const Caller& caller, http::Request request, const http::PathParameters& path,
                 http::Responder responder);

  // The status with the SQL's file and the endpoint's path before its message.
  absl::Status Locate(const absl::Status& status) const;

  const spec::Endpoint& endpoint() const { return endpoint_; }
  const std::vector<schema::Column>& columns() const { return columns_; }
  // A parameter stands in the path.
  bool InPath(const std::string& name) const { return path_names_.contains(name); }
  // The path with ".csv" and ".ndjson" after it is told apart from any value of its parameters.
  bool HasSuffixes() const { return has_suffixes_; }
  // Its SQL reads who asks, so that two callers' answers may differ.
  bool ReadsCaller() const { return reads_caller_; }

 private:
  ServedEndpoint(const spec::Endpoint& endpoint, warehouse::Warehouse& warehouse,
                 host::WorkerPool& workers, telemetry::Metrics& metrics,
                 const EndpointOptions& options);
  absl::Status Describe();
  absl::Status CheckParameters(const std::vector<std::string>& used) const;
  void ReadPath();
  absl::StatusOr<std::string> Run(AnswerFormat format,
                                  const std::vector<warehouse::Parameter>& parameters,
                                  std::chrono::steady_clock::time_point deadline) const;
  http::Response Answer(AnswerFormat format, absl::StatusOr<std::string> body,
                        const std::string& request_id) const;

  const spec::Endpoint endpoint_;
  const EndpointOptions options_;
  warehouse::Warehouse& warehouse_;
  host::WorkerPool& workers_;
  const std::unique_ptr<RequestMetrics> metrics_;
  warehouse::Statement statement_;
  std::set<std::string> path_names_;
  bool has_suffixes_ = false;
  bool reads_caller_ = false;
  std::vector<schema::Column> columns_;
  std::unique_ptr<const warehouse::RowJsonWriter> rows_;
};

}  // namespace afluente::api
