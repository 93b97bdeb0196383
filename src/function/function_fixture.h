#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "function/by_name_transform.h"
#include "function/function.h"
#include "function/memory_topics.h"
#include "function/memory_warehouse.h"
#include "host/manual_clock.h"
#include "telemetry/metrics.h"

namespace afluente::function {

// A topic and a warehouse in memory, and functions between them. For tests.
class FunctionTest : public ::testing::Test {
 public:
  static constexpr char kTopic[] = "projects/p/topics/Data";

 protected:
  static Settings DefaultSettings() {
    Settings settings;
    settings.name = "store";
    settings.topic = kTopic;
    settings.table = {"p", "d", "t"};
    settings.dead_letter_table = {"p", "d", "dead_letters"};
    return settings;
  }

  absl::StatusOr<std::unique_ptr<Function>> Make(Settings settings) {
    const std::vector<schema::Column> columns = {
        {"a", {schema::TypeKind::kInt64, {}}, schema::Mode::kRequired, ""}};
    return Function::Create(
        std::move(settings),
        std::make_unique<ByNameTransform>(columns, event::UnknownFields::kReject), topics_,
        warehouse_, clock_, metrics_);
  }

  // Runs a function until nothing is left, then returns its balance.
  Balance RunUntilDrained(Settings settings) {
    auto function = Make(std::move(settings));
    EXPECT_TRUE(function.ok()) << function.status();
    if (!function.ok()) return {};
    (*function)->Start();
    while ((*function)->backlog() > 0) std::this_thread::yield();
    auto balance = (*function)->Check();
    EXPECT_TRUE(balance.ok()) << balance.status();
    return balance.ok() ? *balance : Balance{};
  }

  MemoryTopics topics_;
  MemoryWarehouse warehouse_;
  host::ManualClock clock_;
  telemetry::Metrics metrics_;
};

}  // namespace afluente::function
