#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "console/console.h"
#include "host/clock.h"
#include "telemetry/history.h"

namespace afluente::broker {
struct BrokerStats;
}

namespace afluente::telemetry {
class Exposition;
}

namespace afluente::console {

// "Data" for the project's own projects/P/topics/Data, else the whole name.
std::string ShortName(std::string_view full, std::string_view project);
// The other way round; `kind` is topics, subscriptions or snapshots.
std::string WholeName(std::string_view name, std::string_view kind, std::string_view project);

// Turns the counters of the process into the charts' values: rates over the time between two calls,
// and the latencies of what happened in between. The names are KIND/NAME/WHAT, e.g.
// function/store/backlog. One thread.
class Readings {
 public:
  explicit Readings(const ConsolePorts& ports) : ports_(ports) {}
  telemetry::History::Values Take();

 private:
  void Add(std::string name, double value);
  // A counter's growth a second; nothing for one that never moved.
  void AddRate(const std::string& name, uint64_t count);
  void AddLatencies(const std::string& name, const std::vector<uint64_t>& counts);
  void TakeBroker();
  void TakeFunctions(const broker::BrokerStats& stats);
  void TakeSources();
  void TakeApi();
  void TakeMachine();
  // Seconds since the first message that the function has not decided was published.
  double AgeOfOldest(const std::string& topic, uint64_t published, uint64_t backlog) const;

  const ConsolePorts& ports_;
  telemetry::History::Values values_;
  host::MonotonicTime last_{};
  double elapsed_ = 0;
  std::map<std::string, uint64_t> counts_;
  std::map<std::string, std::vector<uint64_t>> buckets_;
};

// Resident bytes, CPU seconds, open descriptors and threads of this process.
struct ProcessUse {
  uint64_t resident_bytes = 0;
  double cpu_seconds = 0;
  uint64_t descriptors = 0;
  uint64_t threads = 0;
};
ProcessUse ReadProcessUse();
// What no other metric says, for /metrics: `values` are the last reading.
void Expose(const telemetry::History::Values& values, const ProcessUse& use,
            telemetry::Exposition& page);
// Sizes of the data directory's parts; they may be a moment old.
uint64_t BytesIn(const std::string& directory);

}  // namespace afluente::console
