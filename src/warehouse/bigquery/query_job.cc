#include "warehouse/bigquery/query_job.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "host/check.h"
#include "host/random.h"
#include "schema/text.h"
#include "warehouse/bigquery/cell_reader.h"
#include "warehouse/bigquery/json_member.h"
#include "warehouse/bigquery/query_parameter.h"
#include "warehouse/bigquery/table_resource.h"

namespace afluente::warehouse::bigquery {
namespace {

using nlohmann::json;
using schema::Concat;
using std::chrono::milliseconds;

// How long BigQuery holds a call open for a result before it answers that there is none yet.
constexpr milliseconds kPoll{10'000};
constexpr milliseconds kCancelLimit{5'000};

bool IsComplete(const json& answer) {
  const json& complete = Member(answer, "jobComplete");
  return !complete.is_boolean() || complete.get<bool>();
}

}  // namespace

json QueryText(const JobOptions& options, const Statement& statement,
               const std::vector<Parameter>& parameters) {
  json query = {{"query", statement.text}, {"useLegacySql", false}};
  if (!statement.default_dataset.empty()) {
    query["defaultDataset"] = {
        {"projectId",
         statement.default_project.empty() ? options.project : statement.default_project},
        {"datasetId", statement.default_dataset}};
  }
  if (!parameters.empty()) {
    query["parameterMode"] = "NAMED";
    query["queryParameters"] = json::array();
    for (const Parameter& parameter : parameters) {
      query["queryParameters"].push_back(ToQueryParameter(parameter));
    }
  }
  if (options.maximum_bytes_billed.has_value()) {
    query["maximumBytesBilled"] = std::to_string(*options.maximum_bytes_billed);
  }
  return query;
}

QueryJob::QueryJob(RestClient& rest, const JobOptions& options, const QueryLimits& limits)
    : rest_(rest),
      options_(options),
      limits_{rest.clock().Monotonic() + limits.timeout.value_or(options.longest),
              limits.cancellation},
      rows_left_(limits.rows_max) {}

absl::StatusOr<std::unique_ptr<QueryJob>> QueryJob::Run(RestClient& rest, const JobOptions& options,
                                                        const Statement& statement,
                                                        const std::vector<Parameter>& parameters,
                                                        const QueryLimits& limits) {
  std::unique_ptr<QueryJob> job(new QueryJob(rest, options, limits));
  json request = QueryText(options, statement, parameters);
  request["requestId"] = host::RandomHex(16);
  request["useQueryCache"] = options.use_query_cache;
  request["maxResults"] = options.page_rows;
  request["timeoutMs"] = std::min(limits.timeout.value_or(kPoll), kPoll).count();
  request["formatOptions"] = {{"useInt64Timestamp", true}};
  if (!options.location.empty()) request["location"] = options.location;
  if (!options.labels.empty()) request["labels"] = options.labels;
  AFLUENTE_ASSIGN_OR_RETURN(
      json answer, rest.Call({"POST", Concat("/bigquery/v2/projects/", options.project, "/queries"),
                              request.dump()},
                             job->limits_));
  AFLUENTE_RETURN_IF_ERROR(job->Wait(std::move(answer)));
  return job;
}

absl::Status QueryJob::Wait(json answer) {
  const json reference = Member(answer, "jobReference");
  job_id_ = Text(reference, "jobId");
  location_ = Text(reference, "location");
  while (!IsComplete(answer)) {
    absl::StatusOr<json> next = GetResults("");
    if (!next.ok()) {
      Cancel();
      return next.status();
    }
    answer = *std::move(next);
  }
  AFLUENTE_ASSIGN_OR_RETURN(columns_, ReadSchema(Member(answer, "schema")));
  int64_t affected = 0;
  if (absl::SimpleAtoi(Text(answer, "numDmlAffectedRows"), &affected)) affected_rows_ = affected;
  return TakePage(std::move(answer));
}

absl::Status QueryJob::TakePage(json answer) {
  next_page_ = Text(answer, "pageToken");
  AFLUENTE_ASSIGN_OR_RETURN(page_, ReadRows(columns_, List(answer, "rows")));
  return absl::OkStatus();
}

absl::StatusOr<json> QueryJob::GetResults(const std::string& token) {
  std::string path = Concat("/bigquery/v2/projects/", options_.project, "/queries/", job_id_,
                            "?formatOptions.useInt64Timestamp=true&maxResults=", options_.page_rows,
                            "&timeoutMs=", kPoll.count());
  if (!location_.empty()) path += Concat("&location=", location_);
  if (!token.empty()) path += Concat("&pageToken=", token);
  return rest_.Call({"GET", path, ""}, limits_);
}

absl::StatusOr<ColumnBatch> QueryJob::Next() {
  while (true) {
    if (rows_left_ == uint64_t{0}) return ColumnBatch{};
    if (page_.has_value() && page_->rows > 0) {
      ColumnBatch batch = std::exchange(page_, std::nullopt).value();
      if (rows_left_.has_value()) *rows_left_ -= std::min<uint64_t>(*rows_left_, batch.rows);
      return batch;
    }
    if (next_page_.empty()) return ColumnBatch{};
    AFLUENTE_ASSIGN_OR_RETURN(json answer, GetResults(next_page_));
    AFLUENTE_RETURN_IF_ERROR(TakePage(std::move(answer)));
  }
}

void QueryJob::Cancel() {
  if (job_id_.empty()) return;
  std::string path =
      Concat("/bigquery/v2/projects/", options_.project, "/jobs/", job_id_, "/cancel");
  if (!location_.empty()) path += Concat("?location=", location_);
  // Best effort: an unended job ends by itself, and the caller has its own error to tell.
  (void)rest_.Call({"POST", path, "", false}, {rest_.clock().Monotonic() + kCancelLimit}).status();
}

}  // namespace afluente::warehouse::bigquery
