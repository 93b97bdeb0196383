#include "source/mqtt/traffic.h"

#include "telemetry/metric_names.h"

namespace afluente::source::mqtt {
namespace {

telemetry::Counter& MessageCounter(telemetry::Metrics& metrics, const char* outcome) {
  return metrics.GetCounter(telemetry::kMqttMessages, telemetry::kMqttMessagesHelp,
                            {{"outcome", outcome}});
}

}  // namespace

Traffic::Traffic(telemetry::Metrics& metrics)
    : accepted(MessageCounter(metrics, "accepted")),
      refused(MessageCounter(metrics, "refused")),
      dropped(MessageCounter(metrics, "dropped")),
      ignored(MessageCounter(metrics, "ignored")),
      rejected_connects(metrics.GetCounter(telemetry::kMqttRejectedConnects,
                                           "Connections that the MQTT door refused.")) {}

void Traffic::Begin() {
  absl::MutexLock lock(&mutex_);
  ++open_;
}

void Traffic::End() {
  absl::MutexLock lock(&mutex_);
  --open_;
}

void Traffic::WaitForNone() {
  absl::MutexLock lock(&mutex_);
  const auto none = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return open_ == 0; };
  mutex_.Await(absl::Condition(&none));
}

}  // namespace afluente::source::mqtt
