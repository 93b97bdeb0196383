#include <string>
#include <string_view>

#include "console/readings.h"
#include "telemetry/exposition.h"
#include "telemetry/metric_names.h"

namespace afluente::console {
namespace {

using Kind = telemetry::MetricKind;

constexpr std::string_view kFunction = "function/";
constexpr std::string_view kAge = "/age";

}  // namespace

void Expose(const telemetry::History::Values& values, const ProcessUse& use,
            telemetry::Exposition& page) {
  page.Family(telemetry::kFunctionOldestPending,
              "Age of the oldest message that a function has not decided, in seconds.",
              Kind::kGauge);
  for (const auto& [name, value] : values) {
    const bool age = name.starts_with(kFunction) && name.ends_with(kAge);
    if (!age) continue;
    std::string function =
        name.substr(kFunction.size(), name.size() - kFunction.size() - kAge.size());
    page.Sample(telemetry::LabelText({{"function", std::move(function)}}),
                static_cast<double>(value));
  }
  for (const auto& [name, value] : values) {
    if (name != "system/disk_free") continue;
    page.Family(telemetry::kDiskFreeBytes, "Bytes free where the data directory is.", Kind::kGauge);
    page.Sample("", static_cast<double>(value));
  }
  page.Family(telemetry::kProcessCpuSeconds, "CPU time of the process in seconds.", Kind::kCounter);
  page.Sample("", use.cpu_seconds);
  page.Family(telemetry::kProcessOpenFiles, "Open file descriptors.", Kind::kGauge);
  page.Sample("", use.descriptors);
  page.Family(telemetry::kProcessResidentBytes, "Resident memory in bytes.", Kind::kGauge);
  page.Sample("", use.resident_bytes);
}

}  // namespace afluente::console
