#include "api/live_tail.h"

#include <algorithm>
#include <utility>

#include "absl/hash/hash.h"
#include "host/random.h"
#include "host/worker_pool.h"
#include "schema/parse_value.h"
#include "schema/text.h"
#include "telemetry/log.h"

namespace afluente::api {
namespace {

using schema::Concat;

std::vector<std::string_view> Lines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

uint64_t HashOf(std::string_view line) {
  return absl::HashOf(absl::string_view(line.data(), line.size()));
}

}  // namespace

struct LiveTail::Feed {
  Source source;
  std::string version;  // of the rows in `seen`
  bool evaluating = false;
  bool filled = false;  // `seen` holds the rows of some version
  absl::flat_hash_map<uint64_t, uint32_t> seen;
  std::deque<std::string> events;  // the last is number `last`
  uint64_t last = 0;
  size_t bytes = 0;
  std::vector<Listener> listeners;
  host::MonotonicTime left_at;
};

LiveTail::LiveTail(host::WorkerPool& workers, const host::Clock& clock, LiveTailLimits limits)
    : workers_(workers), clock_(clock), limits_(limits), epoch_(host::RandomHex(6)) {}

LiveTail::~LiveTail() { Stop(); }

absl::Status LiveTail::Join(Source source, std::string_view last_event_id,
                            std::shared_ptr<http::BodyStream> stream, host::MonotonicTime until) {
  absl::MutexLock lock(&mutex_);
  if (stopping_) return absl::UnavailableError("the API is stopping");
  if (listeners_ >= limits_.listeners_max) {
    return absl::ResourceExhaustedError("too many live tails are open");
  }
  auto found = feeds_.find(source.key);
  if (found == feeds_.end()) {
    if (feeds_.size() >= limits_.feeds_max) {
      return absl::ResourceExhaustedError("too many different live tails are open");
    }
    auto feed = std::make_shared<Feed>();
    feed->source = std::move(source);
    found = feeds_.emplace(feed->source.key, std::move(feed)).first;
  }
  Feed& feed = *found->second;
  Listener listener{std::move(stream), feed.last, false, false, clock_.Monotonic(), until};
  if (!last_event_id.empty()) {
    const size_t dash = std::min(last_event_id.find('-'), last_event_id.size());
    const auto number =
        schema::ParseInt64(last_event_id.substr(std::min(dash + 1, last_event_id.size())));
    const uint64_t first_kept = feed.last - feed.events.size();
    const bool known = last_event_id.substr(0, dash) == epoch_ && number.has_value() &&
                       static_cast<uint64_t>(*number) >= first_kept &&
                       static_cast<uint64_t>(*number) <= feed.last;
    listener.lost = !known;
    if (known) listener.sent = static_cast<uint64_t>(*number);
  }
  feed.listeners.push_back(std::move(listener));
  ++listeners_;
  if (!thread_.joinable()) thread_ = std::thread([this] { Loop(); });
  changed_.Signal();
  return absl::OkStatus();
}

void LiveTail::Stop() {
  std::thread thread;
  std::vector<std::shared_ptr<http::BodyStream>> open;
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    changed_.Signal();
    thread = std::move(thread_);
    for (auto& [key, feed] : feeds_) {
      for (Listener& listener : feed->listeners) open.push_back(listener.stream);
    }
    feeds_.clear();
  }
  for (const auto& stream : open) stream->End();
  if (thread.joinable()) thread.join();
}

void LiveTail::Loop() {
  while (true) {
    Look();
    std::vector<Outgoing> outgoing;
    {
      absl::MutexLock lock(&mutex_);
      if (stopping_) return;
      outgoing = Gather();
    }
    for (const Outgoing& one : outgoing) {
      const bool written = one.text.empty() || one.stream->Write(one.text);
      if (written && !one.last) continue;
      if (written) {
        one.stream->End();
      } else {
        one.stream->Abort();  // too slow, or gone: it may come back with its last id
      }
      Drop(one.stream.get());
    }
    absl::MutexLock lock(&mutex_);
    if (stopping_) return;
    changed_.WaitWithTimeout(&mutex_, absl::FromChrono(limits_.look));
  }
}

// Starts an evaluation of each feed whose tables have changed; drops those left alone.
void LiveTail::Look() {
  std::vector<std::shared_ptr<Feed>> idle;
  const auto now = clock_.Monotonic();
  {
    absl::MutexLock lock(&mutex_);
    for (auto i = feeds_.begin(); i != feeds_.end();) {
      const std::shared_ptr<Feed> feed = i->second;
      const bool alone = feed->listeners.empty() && now - feed->left_at > limits_.linger;
      if (alone && !feed->evaluating) {
        i = feeds_.erase(i);
        continue;
      }
      ++i;
      if (!feed->evaluating) idle.push_back(feed);
    }
  }
  for (const auto& feed : idle) {
    std::string version = feed->source.version();
    {
      absl::MutexLock lock(&mutex_);
      if (version.empty() || version == feed->version) continue;
      feed->evaluating = true;
    }
    const bool taken = workers_.Submit([this, feed, version] { Evaluate(feed, version); });
    if (taken) continue;
    absl::MutexLock lock(&mutex_);
    feed->evaluating = false;
  }
}

void LiveTail::Evaluate(const std::shared_ptr<Feed>& feed, std::string version) {
  const absl::StatusOr<std::string> rows = feed->source.rows_as_lines();
  absl::MutexLock lock(&mutex_);
  feed->evaluating = false;
  feed->version = std::move(version);
  changed_.Signal();
  if (!rows.ok()) {
    telemetry::Log(telemetry::Severity::kWarning, "a live tail's statement failed",
                   {{"error", std::string(rows.status().message())}});
    return;
  }
  absl::flat_hash_map<uint64_t, uint32_t> now;
  for (const std::string_view line : Lines(*rows)) {
    const uint64_t hash = HashOf(line);
    const uint32_t count = ++now[hash];
    const auto before = feed->seen.find(hash);
    const bool known = before != feed->seen.end() && before->second >= count;
    if (known || !feed->filled) continue;
    ++feed->last;
    feed->bytes += line.size();
    feed->events.emplace_back(line);
  }
  while (feed->bytes > limits_.kept_bytes_max) {
    feed->bytes -= feed->events.front().size();
    feed->events.pop_front();
  }
  feed->seen = std::move(now);
  feed->filled = true;
}

// What each listener has not had yet.
std::vector<LiveTail::Outgoing> LiveTail::Gather() {
  std::vector<Outgoing> outgoing;
  const auto now = clock_.Monotonic();
  for (auto& [key, feed] : feeds_) {
    for (Listener& listener : feed->listeners) {
      const bool over = now >= listener.until;
      if (!feed->filled && over) outgoing.push_back({listener.stream, "", true});
      if (!feed->filled) continue;
      std::string text;
      const uint64_t first_kept = feed->last - feed->events.size();
      if (listener.sent < first_kept) {
        listener.lost = true;
        listener.sent = first_kept;
      }
      if (std::exchange(listener.lost, false)) {
        text += Concat("event: reset\nid: ", epoch_, "-", listener.sent, "\ndata: {}\n\n");
      } else if (!listener.greeted) {
        text += Concat("event: ready\nid: ", epoch_, "-", listener.sent, "\ndata: {}\n\n");
      }
      listener.greeted = true;
      for (; listener.sent < feed->last; ++listener.sent) {
        text += Concat("id: ", epoch_, "-", listener.sent + 1,
                       "\ndata: ", feed->events[listener.sent - first_kept], "\n\n");
      }
      if (text.empty() && now - listener.wrote_at >= limits_.heartbeat) text = ":\n\n";
      if (text.empty() && !over) continue;
      listener.wrote_at = now;
      outgoing.push_back({listener.stream, std::move(text), over});
    }
  }
  return outgoing;
}

void LiveTail::Drop(const http::BodyStream* stream) {
  absl::MutexLock lock(&mutex_);
  for (auto& [key, feed] : feeds_) {
    const size_t gone = std::erase_if(feed->listeners, [stream](const Listener& listener) {
      return listener.stream.get() == stream;
    });
    listeners_ -= gone;
    if (gone > 0) feed->left_at = clock_.Monotonic();
  }
}

}  // namespace afluente::api
