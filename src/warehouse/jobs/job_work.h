#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "host/cancellation.h"
#include "host/clock.h"
#include "warehouse/catalog.h"
#include "warehouse/jobs/job.h"
#include "warehouse/jobs/result_store.h"
#include "warehouse/jobs/table_sizes.h"
#include "warehouse/table_writer.h"

namespace afluente::warehouse::jobs {

// What the work of a job stands on; owned by the JobRunner, outlives the work.
struct JobPorts {
  Warehouse& warehouse;
  TableWriter& writer;
  Catalog& catalog;
  const host::Clock& clock;
  host::FileSystem& files;
  ResultStore& results;
  TableSizes& sizes;
};

// One run of a job.
struct JobRun {
  Job job;
  std::shared_ptr<host::Cancellation> cancellation;
  std::string upload;     // a load's file, within the staging directory; removed afterwards
  bool recorded = false;  // the job's end was committed with its effects
};

int64_t NowMs(const host::Clock& clock);

// The job as it will be when it has ended well now, as a record for its effects' commit. Sets its
// time of end, which stays when the commit succeeds.
RecordChange EndedRecord(const host::Clock& clock, Job& job);

// The work of each kind, blocking. The status is the job's end; statistics and results are in
// `run`.
absl::Status RunQueryJob(const JobPorts& ports, JobRun& run);
absl::Status RunLoadJob(const JobPorts& ports, JobRun& run);
absl::Status RunCopyJob(const JobPorts& ports, JobRun& run);
absl::Status RunExtractJob(const JobPorts& ports, JobRun& run);

// A query's dry run: INVALID_ARGUMENT and the like as the query itself would give.
absl::Status DescribeQueryJob(const JobPorts& ports, Job& job);

// What createDisposition, writeDisposition and schemaUpdateOptions make of a destination.
struct Destination {
  TableSchema table;  // its name, and the layout that a new one gets
  bool create = true;
  enum class Write { kEmpty, kAppend, kTruncate } write = Write::kAppend;
  bool add_fields = false;
  bool relax_fields = false;
};

// The commit's definition and rows for a destination that gets rows of `columns`. INVALID_ARGUMENT
// when the columns do not fit the table and may not change it.
absl::Status PlanDestination(const Catalog& catalog, const Destination& destination,
                             const std::vector<schema::Column>& columns, TableCommit& commit);

}  // namespace afluente::warehouse::jobs
