#include <algorithm>

#include "host/check.h"
#include "host/random.h"
#include "schema/text.h"
#include "warehouse/jobs/job_configuration.h"
#include "warehouse/jobs/job_runner.h"
#include "warehouse/jobs/job_store.h"
#include "warehouse/jobs/job_work.h"
#include "warehouse/jobs/query_parameters.h"
#include "warehouse/jobs/schema_resource.h"
#include "warehouse/wire/context.h"

namespace afluente::warehouse::wire {
namespace {

using jobs::Job;
using jobs::JobError;
using jobs::JobState;
using jobs::Member;
using schema::Concat;

constexpr size_t kConfigurationMax = 2 << 20;

json ToJson(const JobError& error) {
  json out = {{"reason", error.reason}, {"message", error.message}};
  if (!error.location.empty()) out["location"] = error.location;
  return out;
}

json StatusOf(const Job& job) {
  static constexpr const char* kStates[] = {"PENDING", "RUNNING", "DONE"};
  json status = {{"state", kStates[static_cast<size_t>(job.state)]}};
  if (job.error) status["errorResult"] = ToJson(*job.error);
  for (const JobError& error : job.errors) status["errors"].push_back(ToJson(error));
  return status;
}

json StatisticsOf(const Job& job) {
  json statistics = jobs::ParseJson(job.statistics.empty() ? "{}" : job.statistics);
  if (!statistics.is_object()) statistics = json::object();
  statistics["creationTime"] = std::to_string(job.created_ms);
  if (job.state != JobState::kPending) statistics["startTime"] = std::to_string(job.started_ms);
  if (job.state == JobState::kDone) statistics["endTime"] = std::to_string(job.ended_ms);
  return statistics;
}

absl::StatusOr<std::string> KindOf(const json& configuration) {
  std::string kind;
  for (const auto& [key, name] : {std::pair("query", "QUERY"), std::pair("load", "LOAD"),
                                  std::pair("copy", "COPY"), std::pair("extract", "EXTRACT")}) {
    if (Member(configuration, key) == nullptr) continue;
    if (!kind.empty()) return absl::InvalidArgumentError("a job has one configuration");
    kind = name;
  }
  if (kind.empty())
    return absl::InvalidArgumentError("Required parameter is missing: a job's configuration");
  return kind;
}

bool IsJobId(const std::string& id) {
  return !id.empty() && id.size() <= 1'024 && std::all_of(id.begin(), id.end(), [](char c) {
    return schema::IsAlpha(c) || schema::IsDigit(c) || c == '-' || c == '_';
  });
}

// The datasets that the job names must be the caller's to use; those that its SQL names are judged
// by the catalog that it sees.
absl::Status CheckDatasets(Context& context, const Call& call, const json& configuration) {
  AFLUENTE_RETURN_IF_ERROR(CheckUse(context, call, Use::kRunJobs, ""));
  for (const char* kind : {"query", "load", "copy", "extract"}) {
    const json& of = jobs::ObjectOf(configuration, kind);
    for (const char* key : {"destinationTable", "sourceTable"}) {
      const std::string dataset = jobs::TextOf(jobs::ObjectOf(of, key), "datasetId");
      if (dataset.empty() || dataset == jobs::kResultDataset) continue;
      const Use use = std::string_view(key) == "sourceTable" ? Use::kRead : Use::kWrite;
      AFLUENTE_RETURN_IF_ERROR(CheckUse(context, call, use, dataset));
    }
    for (const json& source : jobs::ObjectOrArray(of, "sourceTables")) {
      AFLUENTE_RETURN_IF_ERROR(
          CheckUse(context, call, Use::kRead, jobs::TextOf(source, "datasetId")));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Job> FindJob(Context& context, const Call& call) {
  const std::string& project = call.Path("projectId");
  std::optional<Job> job = context.runner.store().Find(project, call.Path("jobId"));
  if (!job) {
    return absl::NotFoundError(Concat("Not found: Job ", project, ":US.", call.Path("jobId")));
  }
  AFLUENTE_RETURN_IF_ERROR(CheckJob(context, call, *job));
  return *std::move(job);
}

}  // namespace

json JobResource(const Job& job) {
  json out = {
      {"kind", "bigquery#job"},
      {"id", Concat(job.project, ":", job.location, ".", job.id)},
      {"jobReference", {{"projectId", job.project}, {"jobId", job.id}, {"location", job.location}}},
      {"user_email", job.user_email.empty() ? "anonymous@localhost" : job.user_email},
      {"status", StatusOf(job)},
      {"statistics", StatisticsOf(job)},
      {"configuration", jobs::ParseJson(job.configuration)}};
  out["configuration"]["jobType"] = job.kind;
  if (job.kind == "QUERY" && !job.result_table.empty()) {
    out["configuration"]["query"]["destinationTable"] = {{"projectId", job.project},
                                                         {"datasetId", jobs::kResultDataset},
                                                         {"tableId", job.result_table}};
  }
  // Clients look for what a CREATE TABLE AS made where other queries have their rows.
  const json& query = jobs::ObjectOf(out["statistics"], "query");
  if (jobs::TextOf(query, "statementType") == "CREATE_TABLE_AS_SELECT") {
    out["configuration"]["query"]["destinationTable"] = jobs::ObjectOf(query, "ddlTargetTable");
  }
  out["etag"] = TagOf(out);
  return out;
}

absl::StatusOr<Job> StartJob(Context& context, const Call& call, const json& resource,
                             std::string upload) {
  const json& configuration = jobs::ObjectOf(resource, "configuration");
  const json& reference = jobs::ObjectOf(resource, "jobReference");
  Job job;
  AFLUENTE_ASSIGN_OR_RETURN(job.kind, KindOf(configuration));
  job.project = call.Path("projectId");
  job.location = jobs::TextOf(reference, "location", "US");
  job.id = jobs::TextOf(reference, "jobId", Concat("job_", host::RandomHex(14)));
  job.user_email = call.caller.email;
  if (!IsJobId(job.id)) {
    return absl::InvalidArgumentError(
        "Job IDs must be alphanumeric (plus underscores and dashes) and must be at most 1024 "
        "characters long");
  }
  job.configuration = jobs::Dump(jobs::WithTextValues(configuration));
  if (job.configuration.size() > kConfigurationMax) {
    return absl::InvalidArgumentError("the job's configuration is larger than 2 MiB");
  }
  if (const json* labels = Member(configuration, "labels")) {
    AFLUENTE_RETURN_IF_ERROR(jobs::LabelsFromJson(*labels).status());
  }
  AFLUENTE_RETURN_IF_ERROR(CheckDatasets(context, call, configuration));
  if (job.kind == "QUERY") {
    const absl::Status supported =
        jobs::CheckQueryConfiguration(jobs::ObjectOf(configuration, "query"));
    AFLUENTE_RETURN_IF_ERROR(supported);
    AFLUENTE_RETURN_IF_ERROR(
        CheckStatement(context, call, jobs::ObjectOf(configuration, "query"), job.project));
  }
  if (jobs::BoolOf(configuration, "dryRun")) {
    if (job.kind != "QUERY") return absl::UnimplementedError("a dry run is of a query");
    absl::Status described = jobs::DescribeQueryJob(context.runner.ports(), job);
    if (absl::IsInvalidArgument(described)) return WithReason(described, "invalidQuery");
    AFLUENTE_RETURN_IF_ERROR(described);
    job.state = JobState::kDone;
    return job;
  }
  const bool durable = jobs::BoolOf(resource, "durable", false);
  AFLUENTE_RETURN_IF_ERROR(context.runner.Start(job, durable, std::move(upload)));
  return job;
}

absl::StatusOr<Answer> JobsInsert(Context& context, Call& call) {
  json resource = call.body;
  resource["durable"] = true;
  AFLUENTE_ASSIGN_OR_RETURN(const Job started, StartJob(context, call, resource, ""));
  Answer answer;
  answer.body =
      JobResource(context.runner.store().Find(started.project, started.id).value_or(started));
  return answer;
}

absl::StatusOr<Answer> JobsGet(Context& context, Call& call) {
  AFLUENTE_ASSIGN_OR_RETURN(const Job job, FindJob(context, call));
  Answer answer;
  answer.body = JobResource(job);
  answer.etag = answer.body["etag"].get<std::string>();
  return answer;
}

absl::StatusOr<Answer> JobsList(Context& context, Call& call) {
  AFLUENTE_RETURN_IF_ERROR(CheckUse(context, call, Use::kRunJobs, ""));
  AFLUENTE_ASSIGN_OR_RETURN(Page page, PageOf(call));
  page.rows_max = std::min<uint64_t>(page.rows_max, 1'000);
  AFLUENTE_ASSIGN_OR_RETURN(const auto oldest, call.QueryNumber("minCreationTime"));
  AFLUENTE_ASSIGN_OR_RETURN(const auto newest, call.QueryNumber("maxCreationTime"));
  std::vector<std::string> states;
  for (const auto& [key, value] : call.request.query) {
    if (key == "stateFilter") states.push_back(schema::Lowercase(value));
  }
  Answer answer;
  answer.body = {{"kind", "bigquery#jobList"}, {"jobs", json::array()}};
  uint64_t index = 0;
  for (const Job& job : context.runner.store().List(call.Path("projectId"))) {
    static constexpr const char* kStates[] = {"pending", "running", "done"};
    const bool other_state =
        !states.empty() && std::find(states.begin(), states.end(),
                                     kStates[static_cast<size_t>(job.state)]) == states.end();
    if (other_state || !CheckJob(context, call, job).ok() || (oldest && job.created_ms < *oldest) ||
        (newest && job.created_ms > *newest)) {
      continue;
    }
    if (index++ < page.start) continue;
    if (answer.body["jobs"].size() >= page.rows_max) {
      answer.body["nextPageToken"] = PageToken(page.start + page.rows_max);
      break;
    }
    json resource = JobResource(job);
    resource["state"] = resource["status"]["state"];
    if (job.error) resource["errorResult"] = resource["status"]["errorResult"];
    answer.body["jobs"].push_back(std::move(resource));
  }
  return answer;
}

absl::StatusOr<Answer> JobsCancel(Context& context, Call& call) {
  AFLUENTE_ASSIGN_OR_RETURN(const Job job, FindJob(context, call));
  if (auto cancellation = context.runner.store().CancellationOf(job.project, job.id)) {
    cancellation->Cancel();
  }
  Answer answer;
  answer.body = {{"kind", "bigquery#jobCancelResponse"}};
  answer.body["job"] = JobResource(context.runner.store().Find(job.project, job.id).value_or(job));
  return answer;
}

absl::StatusOr<Answer> JobsDelete(Context& context, Call& call) {
  AFLUENTE_ASSIGN_OR_RETURN(const Job job, FindJob(context, call));
  AFLUENTE_RETURN_IF_ERROR(context.runner.store().Remove(job.project, job.id));
  if (!job.result_table.empty()) context.runner.ports().results.Remove(job.result_table);
  Answer answer;
  answer.status = 204;
  return answer;
}

}  // namespace afluente::warehouse::wire
