#pragma once

#include <gtest/gtest.h>

#include <memory>

#include "absl/status/statusor.h"
#include "function/balance.h"
#include "function/settings.h"

namespace afluente::host {
class ManualClock;
}  // namespace afluente::host

namespace afluente::telemetry {
class Metrics;
}  // namespace afluente::telemetry

namespace afluente::function {

class Function;
class MemoryTopics;
class MemoryWarehouse;

// A topic and a warehouse in memory, and functions between them. For tests.
class FunctionTest : public ::testing::Test {
 public:
  static constexpr char kTopic[] = "projects/p/topics/Data";

 protected:
  FunctionTest();
  ~FunctionTest() override;

  static Settings DefaultSettings();
  // By column name into one INT64 column.
  absl::StatusOr<std::unique_ptr<Function>> Make(Settings settings);
  // Runs a function until nothing is left, then returns its balance.
  Balance RunUntilDrained(Settings settings);

 private:
  struct Parts;
  const std::unique_ptr<Parts> parts_;

 protected:
  MemoryTopics& topics_;
  MemoryWarehouse& warehouse_;
  host::ManualClock& clock_;
  telemetry::Metrics& metrics_;
};

}  // namespace afluente::function
