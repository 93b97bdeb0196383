#include "console/event_feed.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "http/body_stream.h"
#include "telemetry/json_string.h"

namespace afluente::console {

absl::Status EventFeed::Join(std::vector<std::string> beginnings,
                             std::shared_ptr<http::BodyStream> stream) {
  absl::MutexLock lock(&mutex_);
  if (stopped_) return absl::UnavailableError("the instance is stopping");
  if (listeners_.size() >= kListenersMax)
    return absl::ResourceExhaustedError("too many consoles are open");
  auto listener = std::make_unique<Listener>();
  listener->beginnings = std::move(beginnings);
  listener->stream = std::move(stream);
  // Says at once that it is there; the next reading follows within a second.
  listener->stream->Write("retry: 1000\n\n");
  listeners_.push_back(std::move(listener));
  return absl::OkStatus();
}

std::string EventFeed::EventFor(Listener& listener, int64_t second,
                                const telemetry::History::Values& values) {
  std::string event = absl::StrCat("data: {\"second\":", second, ",\"values\":{");
  bool first = true;
  for (const auto& [name, value] : values) {
    const bool asked =
        std::any_of(listener.beginnings.begin(), listener.beginnings.end(),
                    [&name = name](const std::string& one) { return absl::StartsWith(name, one); });
    if (!asked || std::isnan(value)) continue;
    const auto [sent, fresh] = listener.sent.try_emplace(name, value);
    if (!fresh && sent->second == value) continue;
    sent->second = value;
    if (!std::exchange(first, false)) event += ',';
    telemetry::AppendJsonString(event, name);
    absl::StrAppend(&event, ":", value);
  }
  event += "}}\n\n";
  return event;
}

void EventFeed::Send(int64_t second, const telemetry::History::Values& values) {
  absl::MutexLock lock(&mutex_);
  std::erase_if(listeners_, [&](const std::unique_ptr<Listener>& listener) {
    if (listener->stream->Write(EventFor(*listener, second, values))) return false;
    listener->stream->Abort();
    return true;
  });
}

void EventFeed::Stop() {
  absl::MutexLock lock(&mutex_);
  stopped_ = true;
  for (const auto& listener : listeners_) listener->stream->End();
  listeners_.clear();
}

}  // namespace afluente::console
