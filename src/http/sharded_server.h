#pragma once

// Private to this folder.
#include <boost/asio/post.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "http/listener.h"

namespace afluente::http {

// How many connections a server has, and whether it takes more. Thread-safe.
class ConnectionCount {
 public:
  // False at the limit and once stopping.
  bool Enter(int most) {
    absl::MutexLock lock(&mutex_);
    if (stopping || count_ >= most) return false;
    ++count_;
    return true;
  }
  void Leave() {
    absl::MutexLock lock(&mutex_);
    --count_;
  }
  void AwaitNone(std::chrono::milliseconds longest) {
    absl::MutexLock lock(&mutex_);
    const auto none = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return count_ == 0; };
    mutex_.AwaitWithTimeout(absl::Condition(&none), absl::FromChrono(longest));
  }

  std::atomic<bool> stopping{false};

 private:
  absl::Mutex mutex_;
  int count_ ABSL_GUARDED_BY(mutex_) = 0;
};

// What servers of `Port` have in common: sessions spread over the loops, each living on its loop's
// thread, and an orderly stop. A Session has types Shared (its options, `count`, `shards`) and
// Shard (its loop `io`, `sessions`). Thread-safe.
template <typename Port, typename Session>
class ShardedServer : public Port {
 public:
  using Shared = typename Session::Shared;
  using Shard = typename Session::Shard;

  ShardedServer(IoThreads::Context& context, std::shared_ptr<Shared> shared)
      : context_(context), shared_(std::move(shared)) {
    for (auto& loop : context.loops) {
      shared_->shards.push_back(std::make_unique<Shard>(loop->io));
    }
  }

  absl::StatusOr<uint16_t> Listen(const std::string& address) override {
    auto listener = Listener::Open(
        context_, address, {.tls = shared_->options.tls},
        [this](int fd, Peer peer, const std::string&) { Take(fd, std::move(peer)); });
    if (!listener.ok()) return listener.status();
    const uint16_t port = (*listener)->port();
    listeners_.push_back(*std::move(listener));
    return port;
  }

  void Stop(std::chrono::milliseconds grace) override {
    for (auto& listener : listeners_) listener->Close();
    listeners_.clear();
    shared_->count.stopping = true;
    OnEachSession([](Session& session) { session.Drain(); });
    shared_->count.AwaitNone(grace);
    OnEachSession([](Session& session) { session.Close(); });
    for (auto& shard : shared_->shards) {
      RunOn(shard->io, [this, &shard] { OnStopped(*shard); });
    }
  }

 protected:
  // Owns `fd` from here on.
  void Take(int fd, Peer peer) {
    if (!shared_->count.Enter(shared_->options.connections_max)) return Refuse(fd);
    Shard& shard = *shared_->shards[context_.NextLoop()];
    boost::asio::post(shard.io, [shared = shared_, &shard, fd, peer = std::move(peer)]() mutable {
      std::make_shared<Session>(shared, shard, fd, std::move(peer))->Start();
    });
  }

  // One connection too many.
  virtual void Refuse(int fd) = 0;
  // On the shard's thread, when it has no session any more.
  virtual void OnStopped(Shard& shard) = 0;

  Shared& shared() { return *shared_; }

 private:
  // Returns when each loop has done it: after that no older task of a session is running.
  void OnEachSession(const std::function<void(Session&)>& act) {
    for (auto& shard : shared_->shards) {
      RunOn(shard->io, [&shard, &act] {
        for (auto i = shard->sessions.begin(); i != shard->sessions.end();) {
          const std::shared_ptr<Session> session = *i++;
          act(*session);
        }
      });
    }
  }

  IoThreads::Context& context_;
  std::shared_ptr<Shared> shared_;  // shared with the sessions
  std::vector<std::shared_ptr<Listener>> listeners_;
};

}  // namespace afluente::http
