#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "broker/faults/delays.h"
#include "broker/faults/faults.h"
#include "broker/publisher.h"

namespace afluente::broker::faults {

// Publishes late, twice or not at all, as the topic's faults say. All threads; the parts outlive
// it.
class FaultyPublisher final : public Publisher {
 public:
  FaultyPublisher(Publisher& publisher, Faults& faults, Delays& delays)
      : publisher_(publisher), faults_(faults), delays_(delays) {}

  void Publish(std::string_view topic, std::vector<event::Draft> batch, Published done) override {
    if (faults_.Strike(topic, {FaultKind::kUnavailable}))
      return done(absl::UnavailableError("A fault was injected: unavailable."));
    if (faults_.Strike(topic, {FaultKind::kDuplicate}))
      publisher_.Publish(topic, batch, [](auto) {});
    const auto delay = faults_.Strike(topic, {FaultKind::kDelay});
    if (!delay) return publisher_.Publish(topic, std::move(batch), std::move(done));
    delays_.After(delay->delay, [this, topic = std::string(topic), batch = std::move(batch),
                                 done = std::move(done)]() mutable {
      publisher_.Publish(topic, std::move(batch), std::move(done));
    });
  }

 private:
  Publisher& publisher_;
  Faults& faults_;
  Delays& delays_;
};

}  // namespace afluente::broker::faults
