#pragma once

#include <string_view>
#include <vector>

#include "broker/publisher.h"

namespace afluente::telemetry {
class Tracer;
}

namespace afluente::broker {

// Publishes with a span for each message, in the trace that its attribute googclient_traceparent
// names; a message without one begins a trace here and carries it from then on. Messages that have
// no room for the attribute stay as they are. Owned by roles/; all threads; the parts outlive it.
class TracingPublisher final : public Publisher {
 public:
  TracingPublisher(Publisher& publisher, telemetry::Tracer& tracer)
      : publisher_(publisher), tracer_(tracer) {}

  void Publish(std::string_view topic, std::vector<event::Draft> batch, Published done) override;
  void Lend(absl::FunctionRef<void()> work) override { publisher_.Lend(work); }

 private:
  Publisher& publisher_;
  telemetry::Tracer& tracer_;
};

}  // namespace afluente::broker
