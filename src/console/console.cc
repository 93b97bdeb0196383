#include "console/console.h"

#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "console/event_feed.h"
#include "console/pages.h"
#include "console/part_routes.h"
#include "console/readings.h"
#include "host/check.h"
#include "http/body_stream.h"
#include "http/problem.h"
#include "http/router.h"
#include "telemetry/history.h"
#include "telemetry/metrics.h"

namespace afluente::console {
namespace {

using telemetry::History;

constexpr size_t kSeriesAskedMax = 200;
constexpr size_t kBeginningsMax = 50;

nlohmann::json ToJson(const History::Points& points) {
  nlohmann::json values = nlohmann::json::array();
  for (const auto& value : points.values)
    values.push_back(value ? nlohmann::json(*value) : nlohmann::json());
  return {{"first_second", points.first_second},
          {"step_seconds", points.step_seconds},
          {"values", std::move(values)}};
}

class LiveConsole final : public Console {
 public:
  explicit LiveConsole(ConsolePorts ports)
      : ports_(std::move(ports)), readings_(ports_), pages_(ports_.pages) {
    // Scraped by the admin door alone, which goes before the console.
    ports_.metrics.AddCollector([this](telemetry::Exposition& page) {
      const ProcessUse use = ReadProcessUse();
      absl::MutexLock lock(&mutex_);
      Expose(now_, use, page);
    });
    thread_ = std::thread([this] { Loop(); });
  }
  ~LiveConsole() override { Stop(); }

  void AddRoutes(http::Router& router) override {
    Routes routes(router, ports_);
    AddPipelineRoutes(routes);
    AddTopicRoutes(routes);
    AddWarehouseRoutes(routes);
    AddApiRoutes(routes);
    AddSystemRoutes(routes);
    AddMessageRoutes(routes);
    AddDeadLetterRoutes(routes);
    routes.Get("/v1/history",
               [this](const http::Request& request) { return ReadHistory(request); });
    routes.Get("/v1/now", [this](const http::Request&) { return ReadNow(); });
    const auto events = [this](http::Request request, http::PathParameters,
                               http::Responder respond) { respond(Listen(request)); };
    AFLUENTE_CHECK(router.Add("GET", "/v1/events", events).ok());
    pages_.AddRoutes(router);
  }

  void Stop() override {
    feed_.Stop();
    {
      absl::MutexLock lock(&mutex_);
      stopping_ = true;
    }
    if (thread_.joinable()) thread_.join();
  }

 private:
  void Loop() {
    auto next = std::chrono::steady_clock::now();
    while (true) {
      const auto second =
          std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
      auto values = readings_.Take();
      history_.Add(second.time_since_epoch().count(), values);
      feed_.Send(second.time_since_epoch().count(), values);
      next = std::max(next + std::chrono::seconds(1), std::chrono::steady_clock::now());
      absl::MutexLock lock(&mutex_);
      now_ = std::move(values);
      second_ = second.time_since_epoch().count();
      const auto wait = absl::FromChrono(next - std::chrono::steady_clock::now());
      if (mutex_.AwaitWithTimeout(absl::Condition(&stopping_), wait)) return;
    }
  }

  absl::StatusOr<std::string> ReadNow() {
    nlohmann::json values = nlohmann::json::object();
    absl::MutexLock lock(&mutex_);
    for (const auto& [name, value] : now_) values[name] = value;
    return Dump({{"second", second_}, {"values", std::move(values)}});
  }

  absl::StatusOr<std::string> ReadHistory(const http::Request& request) const {
    const bool coarse = QueryValue(request, "window").value_or("300") == "3600";
    const std::string asked = QueryValue(request, "series").value_or("");
    const std::vector<std::string> names = absl::StrSplit(asked, '\n', absl::SkipEmpty());
    if (names.size() > kSeriesAskedMax)
      return absl::InvalidArgumentError("series: too many names at once");
    nlohmann::json series = nlohmann::json::object();
    for (const std::string& name : names) {
      series[name] =
          ToJson(history_.Read(name, coarse ? History::Step::kCoarse : History::Step::kFine));
    }
    return Dump({{"series", std::move(series)}});
  }

  http::Response Listen(const http::Request& request) {
    const std::string asked = QueryValue(request, "match").value_or("");
    std::vector<std::string> beginnings = absl::StrSplit(asked, '\n', absl::SkipEmpty());
    if (beginnings.size() > kBeginningsMax)
      return http::Problem(absl::InvalidArgumentError("match: too many names at once"));
    auto stream = std::make_shared<http::BodyStream>();
    const absl::Status joined = feed_.Join(std::move(beginnings), stream);
    if (!joined.ok()) return http::Problem(joined);
    http::Response response;
    response.headers.Add("Content-Type", "text/event-stream");
    response.headers.Add("Cache-Control", "no-store");
    response.stream = std::move(stream);
    return response;
  }

  const ConsolePorts ports_;
  History history_;
  EventFeed feed_;
  Readings readings_;
  Pages pages_;
  absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  History::Values now_ ABSL_GUARDED_BY(mutex_);  // of the last reading
  int64_t second_ ABSL_GUARDED_BY(mutex_) = 0;
  std::thread thread_;
};

}  // namespace

std::unique_ptr<Console> Console::Create(ConsolePorts ports) {
  return std::make_unique<LiveConsole>(std::move(ports));
}

}  // namespace afluente::console
