#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cli/admin_client.h"
#include "cli/commands.h"
#include "cli/table_printer.h"
#include "host/check.h"

namespace afluente::cli {
namespace {

using nlohmann::json;

constexpr size_t kTopicsShown = 20;

std::string Format(const char* form, double value) {
  char text[48];
  std::snprintf(text, sizeof text, form, value);
  return text;
}

std::string Size(double bytes) {
  for (const char* unit : {"B", "KiB", "MiB", "GiB"}) {
    if (bytes < 1024) return Format(bytes < 10 ? "%.1f " : "%.0f ", bytes) + unit;
    bytes /= 1024;
  }
  return Format("%.1f TiB", bytes);
}

std::string Time(double seconds) {
  if (seconds < 0) return "-";
  if (seconds == 0) return "0";
  if (seconds < 1) return Format("%.1f ms", seconds * 1e3);
  if (seconds < 120) return Format("%.1f s", seconds);
  return Format("%.0f min", seconds / 60);
}

// What the instance's charts show of this second.
class Values {
 public:
  explicit Values(const json& values) : values_(values) {}
  double Get(const std::string& name, double otherwise = 0) const {
    const auto found = values_.find(name);
    return found == values_.end() || !found->is_number() ? otherwise : found->get<double>();
  }
  std::string Rate(const std::string& name) const { return Format("%.1f", Get(name)); }
  std::string Count(const std::string& name) const { return Format("%.0f", Get(name)); }

 private:
  const json& values_;
};

void PrintHead(const json& pipeline, const Values& now) {
  std::printf("%s   cpu %.0f %%   memory %s   journal %s   disk free %s   journal sync p99 %s\n",
              pipeline.value("project", "").c_str(), now.Get("system/cpu") * 100,
              Size(now.Get("system/memory")).c_str(), Size(now.Get("system/journal")).c_str(),
              Size(now.Get("system/disk_free")).c_str(),
              Time(now.Get("system/sync/p99", -1)).c_str());
}

void PrintTopics(const json& pipeline, const Values& now) {
  TablePrinter table({"TOPIC", "messages/s", "bytes/s"});
  size_t shown = 0;
  for (const json& topic : pipeline["topics"]) {
    if (shown++ == kTopicsShown) break;
    const std::string name = topic.value("name", "");
    table.Add({name, now.Rate("topic/" + name + "/rate"), now.Count("topic/" + name + "/bytes")});
  }
  std::printf("\n");
  table.Print();
  const size_t others = pipeline.value("other_topics", size_t{0}) +
                        (shown > kTopicsShown ? pipeline["topics"].size() - kTopicsShown : 0);
  if (others > 0) std::printf("and %zu topics more\n", others);
}

void PrintFunctions(const json& pipeline, const Values& now) {
  if (pipeline["functions"].empty()) return;
  TablePrinter table(
      {"FUNCTION", "stored/s", "dropped/s", "failed/s", "pending", "behind", "commit p99"});
  for (const json& function : pipeline["functions"]) {
    const std::string name = function.value("name", "");
    const std::string at = "function/" + name;
    table.Add({name, now.Rate(at + "/stored"), now.Rate(at + "/dropped"),
               now.Rate(at + "/dead_lettered"), now.Count(at + "/backlog"),
               Time(now.Get(at + "/age")), Time(now.Get(at + "/commit/p99", -1))});
  }
  std::printf("\n");
  table.Print();
}

void PrintSubscriptions(const json& pipeline, const Values& now) {
  if (pipeline["subscriptions"].empty()) return;
  TablePrinter table({"SUBSCRIPTION", "sent/s", "acked/s", "backlog", "oldest"});
  for (const json& subscription : pipeline["subscriptions"]) {
    const std::string name = subscription.value("name", "");
    const std::string at = "subscription/" + name;
    table.Add({name, now.Rate(at + "/sent"), now.Rate(at + "/acked"), now.Count(at + "/backlog"),
               Time(now.Get(at + "/age"))});
  }
  std::printf("\n");
  table.Print();
}

void PrintEndpoints(const json& pipeline, const Values& now) {
  if (pipeline["endpoints"].empty()) return;
  TablePrinter table({"ENDPOINT", "requests/s", "errors/s", "p50", "p99"});
  for (const json& endpoint : pipeline["endpoints"]) {
    const std::string path = endpoint.value("path", "");
    const std::string at = "endpoint/" + path;
    table.Add({path, now.Rate(at + "/rate"), now.Rate(at + "/errors"),
               Time(now.Get(at + "/p50", -1)), Time(now.Get(at + "/p99", -1))});
  }
  std::printf("\n");
  table.Print();
}

absl::Status PrintOnce(const Instance& instance, bool clear) {
  AFLUENTE_ASSIGN_OR_RETURN(const json pipeline, AskAdmin(instance, "GET", "/v1/pipeline"));
  AFLUENTE_ASSIGN_OR_RETURN(const json answer, AskAdmin(instance, "GET", "/v1/now"));
  for (const char* part : {"topics", "functions", "subscriptions", "endpoints"}) {
    if (!pipeline.contains(part) || !pipeline[part].is_array())
      return absl::UnavailableError("the instance's answer is of another version");
  }
  const json values = answer.value("values", json::object());
  const Values now(values);
  if (clear) std::printf("\x1b[H\x1b[2J");
  PrintHead(pipeline, now);
  PrintTopics(pipeline, now);
  PrintFunctions(pipeline, now);
  PrintSubscriptions(pipeline, now);
  PrintEndpoints(pipeline, now);
  std::fflush(stdout);
  return absl::OkStatus();
}

}  // namespace

int RunTop(const InstanceLocation& location, bool once) {
  const auto instance = FindInstance(location);
  if (!instance.ok()) return Fail(instance.status());
  const bool clear = !once && isatty(STDOUT_FILENO) == 1;
  while (true) {
    const absl::Status printed = PrintOnce(*instance, clear);
    if (!printed.ok()) return Fail(printed);
    if (once) return 0;
    std::this_thread::sleep_for(std::chrono::seconds(1));
  }
}

}  // namespace afluente::cli
