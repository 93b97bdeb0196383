#include "function/function_fixture.h"

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

struct FunctionTest::Parts {
  MemoryTopics topics;
  MemoryWarehouse warehouse;
  host::ManualClock clock;
  telemetry::Metrics metrics;
};

FunctionTest::FunctionTest()
    : parts_(std::make_unique<Parts>()),
      topics_(parts_->topics),
      warehouse_(parts_->warehouse),
      clock_(parts_->clock),
      metrics_(parts_->metrics) {}

FunctionTest::~FunctionTest() = default;

Settings FunctionTest::DefaultSettings() {
  Settings settings;
  settings.name = "store";
  settings.topic = kTopic;
  settings.table = {"p", "d", "t"};
  settings.dead_letter_table = {"p", "d", "dead_letters"};
  return settings;
}

absl::StatusOr<std::unique_ptr<Function>> FunctionTest::Make(Settings settings) {
  const std::vector<schema::Column> columns = {
      {"a", {schema::TypeKind::kInt64, {}}, schema::Mode::kRequired, ""}};
  return Function::Create(std::move(settings),
                          std::make_unique<ByNameTransform>(columns, event::UnknownFields::kReject),
                          topics_, warehouse_, clock_, metrics_);
}

Balance FunctionTest::RunUntilDrained(Settings settings) {
  auto function = Make(std::move(settings));
  EXPECT_TRUE(function.ok()) << function.status();
  if (!function.ok()) return {};
  (*function)->Start();
  while ((*function)->backlog() > 0) std::this_thread::yield();
  auto balance = (*function)->Check();
  EXPECT_TRUE(balance.ok()) << balance.status();
  return balance.ok() ? *balance : Balance{};
}

}  // namespace afluente::function
