#include "broker/push/push_service.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "broker/broker.h"
#include "broker/dispatcher.h"
#include "broker/push/pusher.h"

namespace afluente::broker::push {
namespace {

constexpr std::chrono::milliseconds kLookEvery{10};

}  // namespace

PushService::PushService(Broker& broker, Subscriptions& subscriptions, http::ConnectionPool& pool,
                         const host::Clock& clock, IdTokens id_tokens)
    : broker_(broker),
      dispatcher_(std::make_unique<Dispatcher>(clock)),
      parts_(new PushParts{subscriptions, pool, *dispatcher_, clock, std::move(id_tokens)}) {}

PushService::~PushService() { Stop(std::chrono::milliseconds(0)); }

void PushService::Start(bool thread) {
  if (thread) dispatcher_->Start();
  broker_.WatchSubscriptions([this](const std::string& name) { Follow(name); });
}

void PushService::Wake() { dispatcher_->Wake(); }

void PushService::RunDue() { dispatcher_->RunDue(); }

void PushService::Follow(const std::string& name) {
  // Held over the read, or an older state could be followed after a newer one.
  absl::MutexLock lock(&mutex_);
  if (stopped_) return;
  absl::StatusOr<SubscriptionSettings> settings = broker_.GetSubscription(name);
  std::shared_ptr<Pusher>& pusher = pushers_[name];
  if (settings.ok() && settings->push && !settings->detached) {
    if (!pusher) pusher = std::make_shared<Pusher>(parts_, name);
    pusher->Configure(*std::move(settings));
    return;
  }
  if (pusher) {
    pusher->Close();
    std::erase_if(ending_, [](const auto& each) { return each->idle(); });
    ending_.push_back(std::move(pusher));
  }
  pushers_.erase(name);
}

void PushService::Stop(std::chrono::milliseconds grace) {
  broker_.WatchSubscriptions(nullptr);
  std::vector<std::shared_ptr<Pusher>> closed;
  {
    absl::MutexLock lock(&mutex_);
    stopped_ = true;
    for (auto& [name, pusher] : pushers_) {
      pusher->Close();
      ending_.push_back(std::move(pusher));
    }
    pushers_.clear();
    closed = ending_;
  }
  const auto until = std::chrono::steady_clock::now() + grace;
  const auto is_idle = [](const auto& each) { return each->idle(); };
  while (!std::all_of(closed.begin(), closed.end(), is_idle) &&
         std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(kLookEvery);
  }
  dispatcher_->Stop();
}

std::vector<PushStats> PushService::Stats() const {
  std::vector<PushStats> all;
  absl::MutexLock lock(&mutex_);
  for (const auto& [name, pusher] : pushers_) all.push_back(pusher->Stats());
  return all;
}

}  // namespace afluente::broker::push
