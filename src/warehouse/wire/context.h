#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "warehouse/wire/call.h"
#include "warehouse/wire/rows.h"

namespace afluente::host {
class Clock;
}

namespace afluente::warehouse {
class Catalog;
class RoutineCatalog;
class TableWriter;
class Warehouse;
struct TableName;
}  // namespace afluente::warehouse

namespace afluente::warehouse::jobs {
struct Job;
class JobRunner;
class QueryResult;
class StreamingInserts;
}  // namespace afluente::warehouse::jobs

namespace afluente::warehouse::wire {

class Uploads;

// Whether a caller may read or change a dataset; PERMISSION_DENIED with words for the caller. Null
// where identity is off.
enum class Use { kRead, kWrite, kRunJobs, kAdminister };
using MayUse =
    std::function<absl::Status(const CallerName& caller, Use use, const std::string& dataset)>;

// What all methods stand on. Owned by the door, outlives every call.
struct Context {
  Warehouse& warehouse;
  TableWriter& writer;
  Catalog& catalog;
  const host::Clock& clock;
  jobs::JobRunner& runner;
  jobs::StreamingInserts& inserts;
  Uploads& uploads;
  std::string project;  // the specification's
  MayUse may_use;
  const RoutineCatalog* routines;  // nullptr: the engine keeps none
  std::string scheme;              // of the door's own addresses: "http://" or "https://"
};

absl::Status CheckUse(const Context& context, const Call& call, Use use,
                      const std::string& dataset);
// That the caller may use the dataset of the call's path so, and that it exists.
absl::Status CheckDataset(const Context& context, const Call& call, Use use);

// A job and its rows are its owner's and an administrator's.
absl::Status CheckJob(const Context& context, const Call& call, const jobs::Job& job);
absl::Status CheckResult(Context& context, const Call& call, const TableName& table);
// The tables that a query job's statement names; `query` is its configuration.
absl::Status CheckStatement(Context& context, const Call& call, const json& query,
                            const std::string& project);

// A method of the API. Those that block run on a worker.
using Method = absl::StatusOr<Answer> (*)(Context& context, Call& call);
using WaitingMethod = void (*)(Context& context, std::shared_ptr<Call> call, Reply reply);

struct MethodEntry {
  const char* id;     // "bigquery.datasets.get"
  const char* verb;   // HTTP's
  const char* path;   // behind /bigquery/v2, as a pattern of http::Router
  const char* about;  // one sentence for the discovery document
  Method method = nullptr;
  WaitingMethod waiting = nullptr;  // instead
};

const std::vector<MethodEntry>& AllMethods();
// https://.../discovery/v1/apis/bigquery/v2/rest, made from the table.
json DiscoveryDocument(const std::string& root_url);

absl::StatusOr<Answer> DatasetsInsert(Context& context, Call& call);
absl::StatusOr<Answer> DatasetsGet(Context& context, Call& call);
absl::StatusOr<Answer> DatasetsList(Context& context, Call& call);
absl::StatusOr<Answer> DatasetsPatch(Context& context, Call& call);
absl::StatusOr<Answer> DatasetsUpdate(Context& context, Call& call);
absl::StatusOr<Answer> DatasetsDelete(Context& context, Call& call);
absl::StatusOr<Answer> TablesInsert(Context& context, Call& call);
absl::StatusOr<Answer> TablesGet(Context& context, Call& call);
absl::StatusOr<Answer> TablesList(Context& context, Call& call);
absl::StatusOr<Answer> TablesPatch(Context& context, Call& call);
absl::StatusOr<Answer> TablesUpdate(Context& context, Call& call);
absl::StatusOr<Answer> TablesDelete(Context& context, Call& call);
absl::StatusOr<Answer> TabledataList(Context& context, Call& call);
absl::StatusOr<Answer> TabledataInsertAll(Context& context, Call& call);
absl::StatusOr<Answer> JobsInsert(Context& context, Call& call);
absl::StatusOr<Answer> JobsGet(Context& context, Call& call);
absl::StatusOr<Answer> JobsList(Context& context, Call& call);
absl::StatusOr<Answer> JobsCancel(Context& context, Call& call);
absl::StatusOr<Answer> JobsDelete(Context& context, Call& call);
void JobsQuery(Context& context, std::shared_ptr<Call> call, Reply reply);
void JobsGetQueryResults(Context& context, std::shared_ptr<Call> call, Reply reply);
absl::StatusOr<Answer> ProjectsList(Context& context, Call& call);
absl::StatusOr<Answer> ProjectsGetServiceAccount(Context& context, Call& call);
absl::StatusOr<Answer> RoutinesList(Context& context, Call& call);
absl::StatusOr<Answer> RoutinesInsert(Context& context, Call& call);
absl::StatusOr<Answer> RoutinesGet(Context& context, Call& call);
absl::StatusOr<Answer> RoutinesUpdate(Context& context, Call& call);
absl::StatusOr<Answer> RoutinesDelete(Context& context, Call& call);
absl::StatusOr<Answer> ModelsList(Context& context, Call& call);
absl::StatusOr<Answer> ModelsGet(Context& context, Call& call);
absl::StatusOr<Answer> UploadStart(Context& context, Call& call);
absl::StatusOr<Answer> UploadContinue(Context& context, Call& call);

// The job resource, as jobs.get and jobs.insert give it.
json JobResource(const jobs::Job& job);
// The job's first resource, started. Shared by jobs.insert and uploads.
absl::StatusOr<jobs::Job> StartJob(Context& context, const Call& call, const json& resource,
                                   std::string upload);
// Rows from `start` of a query's result, or of a table; adds totalRows and pageToken to `answer`.
struct Page {
  uint64_t start = 0;
  uint64_t rows_max = 0;
  TimestampForm timestamps = TimestampForm::kSeconds;
};
absl::StatusOr<Page> PageOf(const Call& call);
// formatOptions: `output_format` goes before `int64`.
absl::StatusOr<TimestampForm> TimestampFormOf(const std::string& output_format, bool int64);
absl::Status AddResultRows(const jobs::QueryResult& result, const Page& page, Answer& answer);
absl::Status AddTableRows(Context& context, const TableName& table,
                          const std::vector<std::string>& columns, const Page& page,
                          Answer& answer);

}  // namespace afluente::warehouse::wire
