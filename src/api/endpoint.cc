#include "api/endpoint.h"

#include <algorithm>
#include <utility>

#include "api/answer_format.h"
#include "api/caller_parameters.h"
#include "api/parameters.h"
#include "api/request_metrics.h"
#include "host/check.h"
#include "host/worker_pool.h"
#include "http/problem.h"
#include "schema/text.h"
#include "telemetry/log.h"
#include "warehouse/row_json.h"

namespace afluente::api {
namespace {

using schema::Concat;

std::string_view View(absl::string_view text) { return {text.data(), text.size()}; }

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
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kCancelled:
      return http::Problem(503, "Service Unavailable", "the warehouse cannot answer now");
    default:
      return http::Problem(500, "Internal Server Error", "the statement failed");
  }
}

// Refusals by the API itself, whose words may be shown.
constexpr char kTooLarge[] = "afluente/too-large";

absl::Status TooLarge(std::string_view what) {
  absl::Status status = absl::OutOfRangeError(
      Concat("the answer has more than ", what, "; ask for less with narrower parameters"));
  status.SetPayload(kTooLarge, absl::Cord("1"));
  return status;
}

}  // namespace

ServedEndpoint::ServedEndpoint(const spec::Endpoint& endpoint, warehouse::Warehouse& warehouse,
                               host::WorkerPool& workers, telemetry::Metrics& metrics,
                               const EndpointOptions& options)
    : endpoint_(endpoint),
      options_(options),
      warehouse_(warehouse),
      workers_(workers),
      metrics_(std::make_unique<RequestMetrics>(metrics, endpoint.path)),
      statement_{endpoint.sql, options.project, options.dataset} {
  ReadPath();
}

ServedEndpoint::~ServedEndpoint() = default;

absl::StatusOr<std::unique_ptr<ServedEndpoint>> ServedEndpoint::Create(
    const spec::Endpoint& endpoint, warehouse::Warehouse& warehouse, host::WorkerPool& workers,
    telemetry::Metrics& metrics, const EndpointOptions& options) {
  std::unique_ptr<ServedEndpoint> served(
      new ServedEndpoint(endpoint, warehouse, workers, metrics, options));
  AFLUENTE_RETURN_IF_ERROR(served->Locate(served->Describe()));
  return served;
}

// What the router has checked before stays unchecked here: braces are paired.
void ServedEndpoint::ReadPath() {
  const std::string& path = endpoint_.path;
  std::string last;
  size_t end = 0;
  for (size_t open = path.find('{'); open != std::string::npos; open = path.find('{', end)) {
    end = std::min(path.find('}', open), path.size());
    last = path.substr(open + 1, end - open - 1);
    path_names_.insert(last);
  }
  has_suffixes_ = true;
  if (path.empty() || path.back() != '}') return;
  for (const spec::EndpointParameter& parameter : endpoint_.parameters) {
    if (parameter.name == last) has_suffixes_ = !IsText(parameter.type.kind);
  }
}

absl::Status ServedEndpoint::Locate(const absl::Status& status) const {
  if (status.ok()) return status;
  const std::string where = endpoint_.sql_file.empty() ? "" : Concat(endpoint_.sql_file, ": ");
  return absl::Status(status.code(),
                      Concat(where, "endpoint ", endpoint_.path, ": ", View(status.message())));
}

absl::Status ServedEndpoint::Describe() {
  std::vector<warehouse::Parameter> parameters;
  for (const spec::EndpointParameter& parameter : endpoint_.parameters) {
    AFLUENTE_RETURN_IF_ERROR(CheckParameterType(parameter, InPath(parameter.name)));
    parameters.push_back({parameter.name, parameter.type, schema::Value()});
  }
  for (warehouse::Parameter& parameter : CallerParameters({})) {
    parameters.push_back(std::move(parameter));
  }
  AFLUENTE_ASSIGN_OR_RETURN(const warehouse::StatementFacts facts,
                            warehouse_.Describe(statement_, parameters));
  if (!facts.query) {
    return absl::InvalidArgumentError("an endpoint's SQL must be a query, not DML or DDL");
  }
  AFLUENTE_RETURN_IF_ERROR(CheckParameters(facts.parameters));
  reads_caller_ = std::any_of(facts.parameters.begin(), facts.parameters.end(), IsCallerParameter);
  std::set<std::string> names;
  for (const schema::Column& column : facts.columns) {
    if (!names.insert(schema::Lowercase(column.name)).second) {
      return absl::InvalidArgumentError(
          Concat("two columns are named '", column.name, "': give one another name with AS"));
    }
  }
  columns_ = facts.columns;
  rows_ = std::make_unique<warehouse::RowJsonWriter>(columns_);
  return absl::OkStatus();
}

absl::Status ServedEndpoint::CheckParameters(const std::vector<std::string>& used) const {
  const auto& declared = endpoint_.parameters;
  for (const std::string& name : used) {
    if (IsCallerParameter(name)) continue;
    const bool known = std::any_of(declared.begin(), declared.end(), [&name](const auto& p) {
      return schema::EqualsIgnoreCase(p.name, name);
    });
    if (!known) {
      return absl::InvalidArgumentError(Concat("@", name, " is not among its parameters"));
    }
  }
  for (const spec::EndpointParameter& parameter : declared) {
    if (IsCallerParameter(parameter.name)) {
      return absl::InvalidArgumentError(
          Concat("parameter '", parameter.name, "' is bound to who asks; give it another name"));
    }
    const bool needed = std::any_of(used.begin(), used.end(), [&parameter](const auto& name) {
      return schema::EqualsIgnoreCase(parameter.name, name);
    });
    if (!needed) {
      return absl::InvalidArgumentError(
          Concat("parameter '", parameter.name, "' is not used by its SQL"));
    }
  }
  for (const std::string& name : path_names_) {
    const bool known = std::any_of(declared.begin(), declared.end(),
                                   [&name](const auto& p) { return p.name == name; });
    if (!known) {
      return absl::InvalidArgumentError(Concat("{", name, "} in its path is not a parameter"));
    }
  }
  return absl::OkStatus();
}

void ServedEndpoint::Negotiate(const Caller& caller, http::Request request,
                               const http::PathParameters& path, http::Responder responder) {
  const std::string* accept = request.headers.Find("Accept");
  const auto format = NegotiateFormat(accept == nullptr ? "" : *accept);
  if (format.has_value())
    return Serve(*format, caller, std::move(request), path, std::move(responder));
  metrics_->Measure(std::move(responder))(
      http::Problem(406, "Not Acceptable",
                    "this endpoint answers application/json, application/x-ndjson and text/csv"));
}

void ServedEndpoint::Serve(AnswerFormat format, const Caller& caller, http::Request request,
                           const http::PathParameters& path, http::Responder responder) {
  responder = metrics_->Measure(std::move(responder));
  auto parameters = BindParameters(endpoint_.parameters, path, request.query);
  if (!parameters.ok()) return responder(http::Problem(parameters.status()));
  if (reads_caller_) {
    for (warehouse::Parameter& parameter : CallerParameters(caller)) {
      parameters->push_back(std::move(parameter));
    }
  }
  const std::string* id = request.headers.Find("X-Request-Id");
  struct Task {
    std::vector<warehouse::Parameter> parameters;
    http::Responder responder;
    std::string request_id;
    std::chrono::steady_clock::time_point deadline;
  };
  // Shared so that the responder is still here when the pool refuses the task.
  auto task = std::make_shared<Task>(Task{*std::move(parameters), std::move(responder),
                                          id == nullptr ? "" : *id,
                                          std::chrono::steady_clock::now() + options_.timeout});
  const bool taken = workers_.Submit([this, format, task] {
    task->responder(
        Answer(format, Run(format, task->parameters, task->deadline), task->request_id));
  });
  if (taken) return;
  http::Response refusal =
      http::Problem(503, "Service Unavailable", "too many requests are waiting for a worker");
  refusal.headers.Add("Retry-After", "1");
  task->responder(std::move(refusal));
}

absl::StatusOr<std::string> ServedEndpoint::Run(
    AnswerFormat format, const std::vector<warehouse::Parameter>& parameters,
    std::chrono::steady_clock::time_point deadline) const {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
      deadline - std::chrono::steady_clock::now());
  if (left.count() <= 0) return absl::DeadlineExceededError("waited too long for a worker");
  warehouse::QueryLimits limits;
  limits.timeout = left;
  limits.rows_max = options_.rows_max + 1;
  AFLUENTE_ASSIGN_OR_RETURN(const auto stream, warehouse_.Query(statement_, parameters, limits));
  AnswerWriter writer(format, columns_, *rows_);
  while (true) {
    AFLUENTE_ASSIGN_OR_RETURN(const warehouse::ColumnBatch batch, stream->Next());
    if (batch.rows == 0) return writer.Finish();
    if (batch.columns.size() != columns_.size()) {
      return absl::InternalError("the result's columns changed since the endpoint was described");
    }
    if (writer.rows() + batch.rows > options_.rows_max) {
      return TooLarge(Concat(options_.rows_max, " rows"));
    }
    writer.Append(batch);
    if (writer.bytes() > options_.answer_bytes_max) {
      return TooLarge(Concat(options_.answer_bytes_max, " bytes"));
    }
  }
}

http::Response ServedEndpoint::Answer(AnswerFormat format, absl::StatusOr<std::string> body,
                                      const std::string& request_id) const {
  if (!body.ok()) {
    if (body.status().GetPayload(kTooLarge).has_value()) {
      return http::Problem(422, "Unprocessable Content", View(body.status().message()));
    }
    telemetry::Log(telemetry::Severity::kWarning, "an endpoint's statement failed",
                   {{"endpoint", endpoint_.path},
                    {"request_id", request_id},
                    {"error", std::string(View(body.status().message()))}});
    http::Response problem = QueryProblem(body.status());
    if (problem.status == 503) problem.headers.Add("Retry-After", "1");
    return problem;
  }
  http::Response response =
      http::Response::Text(200, std::string(ContentType(format)), *std::move(body));
  response.headers.Add("Vary", "Accept");
  if (reads_caller_) response.headers.Add("Cache-Control", "private, no-store");
  return response;
}

}  // namespace afluente::api
