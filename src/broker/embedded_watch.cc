// EmbeddedBroker's word to those who follow its subscriptions and its clock.
#include <utility>

#include "broker/dispatcher.h"
#include "broker/embedded_broker.h"
#include "broker/keeper.h"
#include "broker/state.h"
#include "broker/subscription.h"

namespace afluente::broker {
void EmbeddedBroker::WatchSubscriptions(SubscriptionChanged changed) {
  auto watch = changed ? std::make_shared<const SubscriptionChanged>(std::move(changed)) : nullptr;
  {
    absl::MutexLock lock(&watch_mutex_);
    watch_ = watch;
  }
  if (!watch) return;
  for (const auto& each : state_->AllSubscriptions()) (*watch)(each->name());
}

void EmbeddedBroker::TellWatch(const std::string& subscription) {
  std::shared_ptr<const SubscriptionChanged> watch;
  {
    absl::MutexLock lock(&watch_mutex_);
    watch = watch_;
  }
  if (watch) (*watch)(subscription);
}

void EmbeddedBroker::ClockStepped() {
  dispatcher_->Wake();
  keeper_->CleanNow();
}

}  // namespace afluente::broker
