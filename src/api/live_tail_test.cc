#include "api/live_tail.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "host/manual_clock.h"
#include "host/worker_pool.h"

namespace afluente::api {
namespace {

// What a stream's peer has had, and how it ended.
struct Peer {
  http::BodyStream::State AwaitEnd() {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    auto state = http::BodyStream::State::kOpen;
    while (state == http::BodyStream::State::kOpen && std::chrono::steady_clock::now() < end) {
      std::string bytes;
      state = stream->Take(bytes);
      text += bytes;
      std::this_thread::yield();
    }
    return state;
  }
  std::shared_ptr<http::BodyStream> stream = std::make_shared<http::BodyStream>();
  std::string text;
};

TEST(LiveTail, EndsProperlyWhenWhatProvesItsListenerDoes) {
  host::ManualClock clock;
  host::WorkerPool workers(1, 16);
  LiveTail tail(workers, clock, {.look = std::chrono::milliseconds(1)});
  const auto join = [&](Peer& peer, const std::string& version, host::MonotonicTime until) {
    LiveTail::Source source{version, [version] { return version; },
                            []() -> absl::StatusOr<std::string> { return "{\"n\":1}\n"; }};
    ASSERT_TRUE(tail.Join(std::move(source), "", peer.stream, until).ok());
  };
  Peer brief;
  Peer unseen;  // its rows can never be told
  Peer lasting;
  join(brief, "1", clock.Monotonic() + std::chrono::seconds(60));
  join(unseen, "", clock.Monotonic() + std::chrono::seconds(60));
  join(lasting, "1", host::MonotonicTime::max());
  clock.Advance(std::chrono::seconds(59));
  std::string bytes;
  EXPECT_EQ(brief.stream->Take(bytes), http::BodyStream::State::kOpen);
  brief.text += bytes;
  clock.Advance(std::chrono::seconds(1));
  EXPECT_EQ(brief.AwaitEnd(), http::BodyStream::State::kEnded);
  EXPECT_EQ(unseen.AwaitEnd(), http::BodyStream::State::kEnded);
  EXPECT_EQ(lasting.stream->Take(lasting.text), http::BodyStream::State::kOpen);
  tail.Stop();
}

}  // namespace
}  // namespace afluente::api
