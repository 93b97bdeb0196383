#include <algorithm>
#include <chrono>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "broker/broker.h"
#include "console/part_routes.h"
#include "console/readings.h"
#include "host/file_system.h"
#include "spec/spec.h"
#include "telemetry/recent_logs.h"

namespace afluente::console {
namespace {

using nlohmann::json;

constexpr size_t kLinesMax = 500;
constexpr size_t kSpecBytesShown = 256 << 10;

std::string ReadText(const std::string& path) {
  std::ifstream file(path);
  std::string text(kSpecBytesShown, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(file.gcount()));
  return text;
}

json Limits(const spec::Limits& limits) {
  json lines = json::array();
  for (const auto line : absl::StrSplit(spec::DescribeLimits(limits), '\n', absl::SkipEmpty()))
    lines.push_back(std::string(line));
  return lines;
}

std::string System(const ConsolePorts& ports, std::chrono::steady_clock::time_point start) {
  const ProcessUse use = ReadProcessUse();
  const auto free = host::PosixFileSystem().FreeBytes(ports.data_dir);
  const auto up = std::chrono::steady_clock::now() - start;
  return Dump({{"uptime_seconds", std::chrono::duration_cast<std::chrono::seconds>(up).count()},
               {"memory_bytes", use.resident_bytes},
               {"cpu_seconds", use.cpu_seconds},
               {"cores", std::thread::hardware_concurrency()},
               {"threads", use.threads},
               {"descriptors", use.descriptors},
               {"disk_free_bytes", free.ok() ? json(*free) : json()},
               {"journal_bytes", ports.broker.Stats().journal_bytes},
               {"warehouse_bytes", BytesIn(ports.data_dir + "/warehouse")},
               {"data_dir", ports.data_dir},
               {"api", ports.api},
               {"spec_file", ports.spec.file},
               {"spec_text", ReadText(ports.spec.file)},
               {"limits", Limits(ports.spec.limits)}});
}

absl::StatusOr<std::string> Logs(const http::Request& request) {
  const std::string text = QueryValue(request, "contains").value_or("");
  size_t max = kLinesMax;
  if (const auto asked = QueryValue(request, "max"); asked && !absl::SimpleAtoi(*asked, &max))
    return absl::InvalidArgumentError("max: expected a number");
  json lines = json::array();
  for (const std::string& line : telemetry::ProcessLogs().Find(text, std::min(max, kLinesMax)))
    lines.push_back(json::parse(line, nullptr, false));
  return Dump({{"lines", std::move(lines)}});
}

}  // namespace

void AddSystemRoutes(Routes& routes) {
  const ConsolePorts& ports = routes.ports();
  routes.Get("/v1/system",
             [&ports, start = std::chrono::steady_clock::now()](const http::Request&)
                 -> absl::StatusOr<std::string> { return System(ports, start); });
  routes.Get("/v1/logs", Logs);
}

}  // namespace afluente::console
