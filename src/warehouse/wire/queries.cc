#include <algorithm>

#include "host/check.h"
#include "host/random.h"
#include "schema/text.h"
#include "warehouse/jobs/job_configuration.h"
#include "warehouse/jobs/job_runner.h"
#include "warehouse/jobs/job_store.h"
#include "warehouse/jobs/job_work.h"
#include "warehouse/jobs/schema_resource.h"
#include "warehouse/wire/context.h"

namespace afluente::warehouse::wire {
namespace {

using jobs::Job;
using jobs::JobState;
using jobs::Member;
using schema::Concat;

constexpr int64_t kTimeoutDefaultMs = 10'000;
constexpr int64_t kTimeoutMaxMs = 200'000;

// How a query's rows are to be given.
struct Want {
  Page page;
  bool of_query = false;  // jobs.query, which says more than getQueryResults
};

std::shared_ptr<const jobs::QueryResult> ResultOf(Context& context, const Job& job) {
  return job.result_table.empty() ? nullptr : context.runner.ports().results.Find(job.result_table);
}

std::optional<TableName> DestinationOf(const Job& job) {
  const json configuration = jobs::ParseJson(job.configuration);
  const json& query = jobs::ObjectOf(configuration, "query");
  if (Member(query, "destinationTable") == nullptr) return std::nullopt;
  auto name = jobs::TableNameFromJson(query["destinationTable"], job.project);
  if (!name.ok()) return std::nullopt;
  return *std::move(name);
}

absl::Status AddRows(Context& context, const Job& job, const Want& want, Answer& answer) {
  if (job.affected_rows) {
    answer.body["numDmlAffectedRows"] = std::to_string(*job.affected_rows);
    const json statistics = jobs::ParseJson(job.statistics);
    const json& query = jobs::ObjectOf(statistics, "query");
    if (query.contains("dmlStats")) answer.body["dmlStats"] = query["dmlStats"];
  }
  if (const auto result = ResultOf(context, job)) {
    answer.body["schema"] = jobs::ColumnsToJson(result->columns());
    return AddResultRows(*result, want.page, answer);
  }
  if (!job.result_table.empty()) {
    return absl::NotFoundError(Concat("Not found: the rows of job ", job.project, ":US.", job.id,
                                      " are not kept any more: run the query again"));
  }
  const std::optional<TableName> destination = DestinationOf(job);
  if (!destination || job.affected_rows) return absl::OkStatus();
  const std::optional<TableSchema> table = context.catalog.FindTable(*destination);
  if (!table) return absl::OkStatus();
  answer.body["schema"] = jobs::ColumnsToJson(table->columns);
  return AddTableRows(context, *destination, {}, want.page, answer);
}

json ReferenceOf(const Job& job) {
  return {{"projectId", job.project}, {"jobId", job.id}, {"location", job.location}};
}

absl::Status ErrorOf(const Job& job) {
  const int code = jobs::HttpStatusOf(job.error->reason);
  absl::StatusCode of = code == 404   ? absl::StatusCode::kNotFound
                        : code == 409 ? absl::StatusCode::kAlreadyExists
                        : code == 403 ? absl::StatusCode::kPermissionDenied
                        : code == 501 ? absl::StatusCode::kUnimplemented
                        : code == 503 ? absl::StatusCode::kUnavailable
                                      : absl::StatusCode::kInvalidArgument;
  return WithReason(absl::Status(of, job.error->message), job.error->reason);
}

absl::StatusOr<Answer> ResultsOf(Context& context, const Job& job, const Want& want) {
  Answer answer;
  answer.body = {
      {"kind", want.of_query ? "bigquery#queryResponse" : "bigquery#getQueryResultsResponse"},
      {"jobReference", ReferenceOf(job)},
      {"jobComplete", job.state == JobState::kDone}};
  if (want.of_query) answer.body["queryId"] = job.id;
  if (job.state != JobState::kDone) return answer;
  if (job.error) return ErrorOf(job);
  answer.body["cacheHit"] = false;
  answer.body["totalBytesProcessed"] = std::to_string(job.bytes_processed);
  answer.body["location"] = job.location;
  answer.body["creationTime"] = std::to_string(job.created_ms);
  answer.body["startTime"] = std::to_string(job.started_ms);
  answer.body["endTime"] = std::to_string(job.ended_ms);
  AFLUENTE_RETURN_IF_ERROR(AddRows(context, job, want, answer));
  if (!want.of_query) {
    answer.etag = TagOf(json::array({job.project, job.id, want.page.start, want.page.rows_max}));
    answer.body["etag"] = answer.etag;
  }
  return answer;
}

host::MonotonicTime DeadlineOf(const Context& context, std::optional<int64_t> timeout_ms) {
  const int64_t ms = std::clamp<int64_t>(timeout_ms.value_or(kTimeoutDefaultMs), 0, kTimeoutMaxMs);
  return context.clock.Monotonic() + std::chrono::milliseconds(ms);
}

// jobs.query's request as a job resource's configuration.
json ConfigurationOf(const json& body) {
  json query = json::object();
  for (const char* key :
       {"query", "defaultDataset", "useLegacySql", "queryParameters", "parameterMode",
        "maximumBytesBilled", "useQueryCache", "createSession", "connectionProperties",
        "continuous", "destinationEncryptionConfiguration", "writeIncrementalResults"}) {
    if (const json* given = Member(body, key)) query[key] = *given;
  }
  json configuration = {{"query", std::move(query)}};
  for (const char* key : {"labels", "dryRun", "jobTimeoutMs", "reservation"}) {
    if (const json* given = Member(body, key)) configuration[key] = *given;
  }
  return configuration;
}

absl::StatusOr<Answer> DryRunAnswer(const Job& job) {
  const json statistics = jobs::ParseJson(job.statistics);
  const json& query = jobs::ObjectOf(statistics, "query");
  Answer answer;
  answer.body = {{"kind", "bigquery#queryResponse"},
                 {"jobComplete", true},
                 {"cacheHit", false},
                 {"totalBytesProcessed", std::to_string(job.bytes_processed)}};
  answer.body["jobReference"] = {{"projectId", job.project}, {"location", job.location}};
  if (query.contains("schema")) answer.body["schema"] = query["schema"];
  return answer;
}

// A request's id makes its job's, so that the same request finds the same job.
std::string JobIdOf(const json& body) {
  const std::string request = jobs::TextOf(body, "requestId");
  if (request.empty()) return "";
  std::string id = "request_";
  for (char c : request.substr(0, 200)) {
    const bool plain = schema::IsAlpha(c) || schema::IsDigit(c) || c == '-' || c == '_';
    if (plain) {
      id += c;
      continue;
    }
    static constexpr char kDigits[] = "0123456789abcdef";
    const auto byte = static_cast<unsigned char>(c);
    id += {'_', kDigits[byte >> 4], kDigits[byte & 15]};
  }
  return id;
}

absl::StatusOr<Job> StartQuery(Context& context, const Call& call) {
  json resource = {{"configuration", ConfigurationOf(call.body)}};
  json reference = {{"projectId", call.Path("projectId")}};
  reference["location"] = jobs::TextOf(call.body, "location", "US");
  const std::string id = JobIdOf(call.body);
  if (!id.empty()) reference["jobId"] = id;
  resource["jobReference"] = std::move(reference);
  absl::StatusOr<Job> started = StartJob(context, call, resource, "");
  if (id.empty() || !absl::IsAlreadyExists(started.status())) return started;
  std::optional<Job> known = context.runner.store().Find(call.Path("projectId"), id);
  if (!known) return started;
  AFLUENTE_RETURN_IF_ERROR(CheckJob(context, call, *known));
  const json before = jobs::ParseJson(known->configuration);
  const std::string text = jobs::TextOf(jobs::ObjectOf(before, "query"), "query");
  if (text != jobs::TextOf(call.body, "query")) {
    return absl::InvalidArgumentError("the requestId belongs to another query");
  }
  return *known;
}

void Answered(Context& context, const Want& want, const Job& job, Reply& reply) {
  if (job.id.empty()) return reply(absl::NotFoundError("Not found: the job is not kept any more"));
  reply(ResultsOf(context, job, want));
}

}  // namespace

void JobsQuery(Context& context, std::shared_ptr<Call> call, Reply reply) {
  const json& body = call->body;
  Want want;
  want.of_query = true;
  want.page.rows_max = 100'000;
  if (const auto rows = jobs::IntOf(body, "maxResults")) {
    want.page.rows_max = static_cast<uint64_t>(std::max<int64_t>(*rows, 0));
  }
  const json& format = jobs::ObjectOf(body, "formatOptions");
  auto timestamps = TimestampFormOf(jobs::TextOf(format, "timestampOutputFormat"),
                                    jobs::BoolOf(format, "useInt64Timestamp"));
  if (!timestamps.ok()) return reply(timestamps.status());
  want.page.timestamps = *timestamps;
  absl::StatusOr<Job> job = StartQuery(context, *call);
  if (!job.ok()) return reply(job.status());
  if (jobs::BoolOf(body, "dryRun")) return reply(DryRunAnswer(*job));
  context.runner.store().WhenDone(
      job->project, job->id, DeadlineOf(context, jobs::IntOf(body, "timeoutMs")),
      [&context, want, reply = std::move(reply)](const Job& done) mutable {
        Answered(context, want, done, reply);
      });
}

void JobsGetQueryResults(Context& context, std::shared_ptr<Call> call, Reply reply) {
  const std::string& project = call->Path("projectId");
  const std::string& id = call->Path("jobId");
  const std::optional<Job> job = context.runner.store().Find(project, id);
  if (!job) {
    return reply(absl::NotFoundError(Concat("Not found: Job ", project, ":US.", id)));
  }
  if (job->kind != "QUERY") {
    return reply(absl::InvalidArgumentError(
        Concat("Cannot return results of job ", id, ": it is not a query")));
  }
  const absl::Status allowed = CheckJob(context, *call, *job);
  if (!allowed.ok()) return reply(allowed);
  absl::StatusOr<Page> page = PageOf(*call);
  if (!page.ok()) return reply(page.status());
  auto timeout = call->QueryNumber("timeoutMs");
  if (!timeout.ok()) return reply(timeout.status());
  const Want want{*page, false};
  context.runner.store().WhenDone(
      project, id, DeadlineOf(context, *timeout),
      [&context, want, reply = std::move(reply)](const Job& done) mutable {
        Answered(context, want, done, reply);
      });
}

}  // namespace afluente::warehouse::wire
