#pragma once

#include "telemetry/metric_names.h"
#include "telemetry/metrics.h"

namespace afluente::broker::wire {

// What goes through the door, counted.
struct Traffic {
  explicit Traffic(telemetry::Metrics& metrics)
      : published_messages(
            metrics.GetCounter(telemetry::kPubsubPublishedMessages,
                               "Messages of publishes that were answered after the sync.")),
        published_bytes(metrics.GetCounter(telemetry::kPubsubPublishedBytes,
                                           "Bytes of data of those messages.")),
        delivered_messages(metrics.GetCounter(telemetry::kPubsubDeliveredMessages,
                                              "Messages sent to subscribers, again included.")),
        acknowledged_messages(metrics.GetCounter(telemetry::kPubsubAcknowledgedMessages,
                                                 "Ack ids that subscribers acknowledged.")),
        modified_deadlines(metrics.GetCounter(telemetry::kPubsubModifiedDeadlines,
                                              "Ack ids whose deadline subscribers changed.")) {}

  telemetry::Counter& published_messages;
  telemetry::Counter& published_bytes;
  telemetry::Counter& delivered_messages;
  telemetry::Counter& acknowledged_messages;
  telemetry::Counter& modified_deadlines;
};

}  // namespace afluente::broker::wire
