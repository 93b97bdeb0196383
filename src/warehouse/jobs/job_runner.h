#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "warehouse/jobs/job.h"

namespace afluente::host {
class Clock;
class FileSystem;
}  // namespace afluente::host

namespace afluente::warehouse {
class Catalog;
class TableWriter;
class Warehouse;
}  // namespace afluente::warehouse

namespace afluente::warehouse::jobs {

struct JobPorts;
struct JobRun;
class JobStore;

// Runs jobs on threads of its own, a bounded number at a time, and keeps them in the store. Owned
// by the door; thread-safe. Its destructor cancels nothing and waits for what runs.
class JobRunner {
 public:
  JobRunner(Warehouse& warehouse, TableWriter& writer, Catalog& catalog, const host::Clock& clock,
            host::FileSystem& files);
  ~JobRunner();

  // Reads the jobs of earlier runs; before anything else.
  absl::Status Open();

  // Adds the job and runs it. ALREADY_EXISTS, or RESOURCE_EXHAUSTED when too many wait. `durable`:
  // it is on disk before this returns.
  absl::Status Start(Job job, bool durable, std::string upload = "");

  JobStore& store();
  const JobPorts& ports() const;

 private:
  void Run(JobRun& run);

  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace afluente::warehouse::jobs
