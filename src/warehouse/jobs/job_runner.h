#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "host/worker_pool.h"
#include "warehouse/jobs/job_store.h"
#include "warehouse/jobs/job_work.h"

namespace afluente::warehouse::jobs {

// Runs jobs on threads of its own, a bounded number at a time, and keeps them in the store. Owned
// by the door; thread-safe. Its destructor cancels nothing and waits for what runs.
class JobRunner {
 public:
  JobRunner(Warehouse& warehouse, TableWriter& writer, Catalog& catalog, const host::Clock& clock,
            host::FileSystem& files);

  // Before anything else.
  absl::Status Open() { return store_.Open(); }

  // Adds the job and runs it. ALREADY_EXISTS, or RESOURCE_EXHAUSTED when too many wait. `durable`:
  // it is on disk before this returns.
  absl::Status Start(Job job, bool durable, std::string upload = "");

  JobStore& store() { return store_; }
  const JobPorts& ports() const { return ports_; }

 private:
  void Run(JobRun& run);

  ResultStore results_;
  TableSizes sizes_;
  const JobPorts ports_;
  JobStore store_;
  host::WorkerPool workers_;  // its work uses what stands above
};

}  // namespace afluente::warehouse::jobs
