#include "telemetry/recent_logs.h"

#include <utility>

namespace afluente::telemetry {

void RecentLogs::Add(std::string line) {
  if (line.size() > kBytesMax) return;
  absl::MutexLock lock(&mutex_);
  bytes_ += line.size();
  lines_.push_back(std::move(line));
  while (lines_.size() > kLinesMax || bytes_ > kBytesMax) {
    bytes_ -= lines_.front().size();
    lines_.pop_front();
  }
}

std::vector<std::string> RecentLogs::Find(std::string_view text, size_t max) const {
  std::vector<std::string> found;
  absl::MutexLock lock(&mutex_);
  for (auto line = lines_.rbegin(); line != lines_.rend() && found.size() < max; ++line) {
    if (text.empty() || line->find(text) != std::string::npos) found.push_back(*line);
  }
  return found;
}

RecentLogs& ProcessLogs() {
  static auto* const logs = new RecentLogs;
  return *logs;
}

}  // namespace afluente::telemetry
