#pragma once

#include <vector>

#include "function/settings.h"
#include "function/transform.h"
#include "telemetry/tracer.h"

namespace afluente::function {

// The spans of one commit's decisions: for each message of a sampled trace what the function made
// of it, and below it the commit that stored its rows. Nothing where the settings name no tracer.
// One thread, one commit.
class DecisionTraces {
 public:
  explicit DecisionTraces(const Settings& settings) : settings_(settings) {}

  // Before the decision's rows are taken. `again`: another attempt follows.
  void Add(const Decision& decision, bool again);
  // The commit that began at `commit_began` is on disk.
  void End(host::WallTime commit_began);

 private:
  const Settings& settings_;
  std::vector<telemetry::Span> spans_;
};

}  // namespace afluente::function
