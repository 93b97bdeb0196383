#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "broker/faults/faults.h"
#include "host/clock.h"
#include "host/worker_pool.h"
#include "http/router.h"

namespace afluente::console {

// What tests may do to an instance that was started for them.
struct TestingPorts {
  broker::faults::Faults& faults;
  const host::Clock& clock;
  std::function<void(std::chrono::microseconds)> advance;  // sets the clock forward; blocks
};

// Adds GET and POST /v1/testing/clock {"advance": "1h"}, and GET, PUT and DELETE
// /v1/testing/faults[/NAME] {"topic" or "subscription", "kind": "delay", "duplicate", "nack" or
// "unavailable", "probability", "count", "delay"}. `project` completes short names.
void AddTestingRoutes(http::Router& router, const TestingPorts& ports, host::WorkerPool& workers,
                      const std::string& project);

}  // namespace afluente::console
