#include "warehouse/jobs/table_expiry.h"

#include <chrono>

#include "telemetry/log.h"

namespace afluente::warehouse::jobs {
namespace {

constexpr absl::Duration kEvery = absl::Seconds(30);

}  // namespace

TableExpiry::TableExpiry(Catalog& catalog, const host::Clock& clock)
    : catalog_(catalog), clock_(clock) {
  thread_ = std::thread([this] { Loop(); });
}

TableExpiry::~TableExpiry() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    changed_.SignalAll();
  }
  thread_.join();
}

void TableExpiry::DropExpired() {
  const int64_t now =
      std::chrono::duration_cast<std::chrono::milliseconds>(clock_.Now().time_since_epoch())
          .count();
  for (const TableName& name : catalog_.ExpiredTables(now)) {
    const absl::Status dropped = catalog_.DropTable(name);
    telemetry::Log(telemetry::Severity::kInfo, "a table expired",
                   {{"table", name.ToString()}, {"result", dropped.ToString()}});
  }
}

void TableExpiry::Loop() {
  while (true) {
    {
      absl::MutexLock lock(&mutex_);
      if (!stopping_) changed_.WaitWithTimeout(&mutex_, kEvery);
      if (stopping_) return;
    }
    DropExpired();
  }
}

}  // namespace afluente::warehouse::jobs
