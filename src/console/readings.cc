#include "console/readings.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "broker/broker.h"
#include "host/file_system.h"
#include "spec/spec.h"
#include "telemetry/metric_names.h"
#include "telemetry/metrics.h"

namespace afluente::console {
namespace {

std::string LabelOf(const telemetry::Labels& labels, std::string_view name) {
  for (const auto& [key, value] : labels) {
    if (key == name) return value;
  }
  return "";
}

// The upper bound of the bucket that holds the share `q` of the observations.
double Quantile(const std::vector<uint64_t>& counts, double q) {
  uint64_t total = 0;
  for (const uint64_t count : counts) total += count;
  const auto& bounds = telemetry::Histogram::Bounds();
  uint64_t seen = 0;
  for (size_t i = 0; i < bounds.size(); ++i) {
    seen += counts[i];
    if (static_cast<double>(seen) >= q * static_cast<double>(total)) return bounds[i];
  }
  return bounds.back();
}

}  // namespace

std::string ShortName(std::string_view full, std::string_view project) {
  const std::string own =
      absl::StrCat("projects/", absl::string_view(project.data(), project.size()), "/");
  if (!full.starts_with(own)) return std::string(full);
  return std::string(full.substr(full.rfind('/') + 1));
}

std::string WholeName(std::string_view name, std::string_view kind, std::string_view project) {
  if (name.starts_with("projects/")) return std::string(name);
  std::string whole = "projects/";
  whole.append(project).append("/").append(kind).append("/").append(name);
  return whole;
}

void Readings::Add(std::string name, double value) {
  values_.emplace_back(std::move(name), static_cast<float>(value));
}

void Readings::AddRate(const std::string& name, uint64_t count) {
  const auto [before, fresh] = counts_.try_emplace(name, count);
  if (fresh && count == 0) return;
  // What is seen for the first time has grown from nothing, but not within this second.
  const uint64_t grown = fresh || count < before->second ? 0 : count - before->second;
  before->second = count;
  if (count == 0) return;
  Add(name, elapsed_ > 0 ? static_cast<double>(grown) / elapsed_ : 0);
}

void Readings::AddLatencies(const std::string& name, const std::vector<uint64_t>& counts) {
  auto& before = buckets_[name];
  before.resize(counts.size());
  std::vector<uint64_t> grown(counts.size());
  uint64_t total = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    grown[i] = counts[i] - std::min(counts[i], before[i]);
    total += grown[i];
  }
  before = counts;
  if (total == 0) return;
  Add(name + "/p50", Quantile(grown, 0.5));
  Add(name + "/p99", Quantile(grown, 0.99));
}

telemetry::History::Values Readings::Take() {
  const auto now = ports_.clock.Monotonic();
  elapsed_ =
      last_ == host::MonotonicTime{} ? 0 : std::chrono::duration<double>(now - last_).count();
  last_ = now;
  values_.clear();
  TakeBroker();
  TakeSources();
  TakeApi();
  TakeMachine();
  return std::exchange(values_, {});
}

void Readings::TakeBroker() {
  const broker::BrokerStats stats = ports_.broker.Stats();
  const std::string& project = ports_.spec.project;
  uint64_t messages = 0;
  uint64_t bytes = 0;
  for (const broker::TopicStats& topic : stats.topics) {
    messages += topic.messages;
    bytes += topic.bytes;
    const std::string name = "topic/" + ShortName(topic.name, project);
    AddRate(name + "/rate", topic.messages);
    AddRate(name + "/bytes", topic.bytes);
  }
  AddRate("pubsub/rate", messages);
  AddRate("pubsub/bytes", bytes);
  for (const broker::SubscriptionStats& each : stats.subscriptions) {
    const std::string name = "subscription/" + ShortName(each.name, project);
    AddRate(name + "/sent", each.sent);
    AddRate(name + "/acked", each.acked);
    Add(name + "/backlog", static_cast<double>(each.backlog));
    Add(name + "/age", static_cast<double>(each.oldest_unacked_age.count()));
  }
  Add("system/journal", static_cast<double>(stats.journal_bytes));
  TakeFunctions(stats);
}

double Readings::AgeOfOldest(const std::string& topic, uint64_t published, uint64_t backlog) const {
  if (backlog == 0 || backlog > published) return 0;
  const auto reader = ports_.broker.OpenReader(topic, std::nullopt);
  if (!reader.ok()) return 0;
  const auto oldest = (*reader)->Read(published - backlog, 1, 1);
  if (!oldest.ok() || oldest->empty()) return 0;
  const auto age = ports_.clock.Now() - oldest->front()->publish_time;
  return std::max(0.0, std::chrono::duration<double>(age).count());
}

void Readings::TakeFunctions(const broker::BrokerStats& stats) {
  absl::flat_hash_map<std::string, uint64_t> published;
  for (const auto& topic : stats.topics) published[topic.name] = topic.published;
  for (const auto& [labels, count] : ports_.metrics.Counters(telemetry::kFunctionMessages)) {
    AddRate(absl::StrCat("function/", LabelOf(labels, "function"), "/", LabelOf(labels, "outcome")),
            count);
  }
  for (const auto& [labels, count] : ports_.metrics.Counters(telemetry::kFunctionRows))
    AddRate(absl::StrCat("function/", LabelOf(labels, "function"), "/rows"), count);
  for (const auto& [labels, histogram] :
       ports_.metrics.Histograms(telemetry::kFunctionCommitSeconds)) {
    AddLatencies(absl::StrCat("function/", LabelOf(labels, "function"), "/commit"),
                 histogram->Counts());
  }
  for (const auto& [labels, backlog] : ports_.metrics.Gauges(telemetry::kFunctionBacklog)) {
    const std::string name = LabelOf(labels, "function");
    Add(absl::StrCat("function/", name, "/backlog"), backlog);
    for (const spec::Function& function : ports_.spec.functions) {
      if (function.name != name) continue;
      const std::string topic = WholeName(function.topic, "topics", ports_.spec.project);
      Add(absl::StrCat("function/", name, "/age"),
          AgeOfOldest(topic, published[topic], static_cast<uint64_t>(backlog)));
    }
  }
}

void Readings::TakeSources() {
  constexpr std::pair<const char*, std::string_view> kSources[] = {
      {"source/pubsub/rate", telemetry::kPubsubPublishedMessages},
      {"source/http/rate", telemetry::kIngestMessages},
      {"source/mqtt/rate", telemetry::kMqttMessages}};
  for (const auto& [name, metric] : kSources) {
    uint64_t messages = 0;
    for (const auto& [labels, count] : ports_.metrics.Counters(metric)) {
      const std::string outcome = LabelOf(labels, "outcome");
      if (outcome.empty() || outcome == "accepted") messages += count;
    }
    AddRate(name, messages);
  }
}

void Readings::TakeApi() {
  std::map<std::string, std::pair<uint64_t, uint64_t>> answers;  // all, those with 5xx
  for (const auto& [labels, count] : ports_.metrics.Counters(telemetry::kApiRequests)) {
    auto& [all, failed] = answers[LabelOf(labels, "endpoint")];
    all += count;
    if (absl::StartsWith(LabelOf(labels, "status"), "5")) failed += count;
  }
  for (const auto& [endpoint, count] : answers) {
    AddRate(absl::StrCat("endpoint/", endpoint, "/rate"), count.first);
    AddRate(absl::StrCat("endpoint/", endpoint, "/errors"), count.second);
  }
  for (const auto& [labels, histogram] : ports_.metrics.Histograms(telemetry::kApiRequestSeconds))
    AddLatencies(absl::StrCat("endpoint/", LabelOf(labels, "endpoint")), histogram->Counts());
  for (const auto& [labels, histogram] : ports_.metrics.Histograms(telemetry::kSyncSeconds))
    AddLatencies("system/sync", histogram->Counts());
}

void Readings::TakeMachine() {
  const ProcessUse use = ReadProcessUse();
  const auto cpu = static_cast<uint64_t>(use.cpu_seconds * 1e6);
  const auto [before, fresh] = counts_.try_emplace("cpu", cpu);
  if (!fresh && elapsed_ > 0)
    Add("system/cpu", static_cast<double>(cpu - std::min(cpu, before->second)) / 1e6 / elapsed_);
  before->second = cpu;
  Add("system/memory", static_cast<double>(use.resident_bytes));
  const auto free = host::PosixFileSystem().FreeBytes(ports_.data_dir);
  if (free.ok()) Add("system/disk_free", static_cast<double>(*free));
}

}  // namespace afluente::console
