#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "cli/instance.h"
#include "host/clock.h"
#include "roles/pipeline.h"
#include "spec/spec.h"
#include "telemetry/metrics.h"

namespace afluente::cli {

// With no instance running: the data directory opened by a command, under its lock. Its functions
// are not started.
struct OfflinePipeline {
  host::SystemClock clock;
  telemetry::Metrics metrics;
  spec::Spec spec;
  std::string spec_file;
  std::unique_ptr<roles::Pipeline> pipeline;
};

// By the specification that `location` names, else the last one that ran there. NOT_FOUND without
// a data directory.
absl::StatusOr<std::unique_ptr<OfflinePipeline>> OpenOffline(const InstanceLocation& location);

}  // namespace afluente::cli
