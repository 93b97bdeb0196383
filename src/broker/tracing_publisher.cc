#include "broker/tracing_publisher.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "broker/limits.h"
#include "telemetry/tracer.h"

namespace afluente::broker {
namespace {

using telemetry::Span;

constexpr size_t kTraceBytes = telemetry::kTraceAttribute.size() + 55;  // the value's length

std::string_view ShortTopic(std::string_view topic) { return topic.substr(topic.rfind('/') + 1); }

uint64_t BytesOf(const std::vector<event::Draft>& batch) {
  uint64_t bytes = 0;
  for (const event::Draft& draft : batch) {
    bytes += draft.data.size() + draft.ordering_key.size();
    for (const auto& [key, value] : draft.attributes) bytes += key.size() + value.size();
  }
  return bytes;
}

// Attributes are in any order here.
const std::string* TraceOf(const event::Draft& draft) {
  for (const auto& [key, value] : draft.attributes) {
    if (key == telemetry::kTraceAttribute) return &value;
  }
  return nullptr;
}

// The context of the message's span, which is left unsampled where there is nothing to tell.
void BeginSpan(const telemetry::Tracer& tracer, bool room, event::Draft& draft, Span& span) {
  span.context.sampled = false;
  if (const std::string* given = TraceOf(draft)) {
    const auto parent = telemetry::ParseTraceparent(*given);
    if (!parent) return;
    span.context = telemetry::Tracer::Below(*parent);
    span.parent_span_id = parent->span_id;
  } else if (room && draft.attributes.size() < kAttributesMax) {
    span.context = tracer.Begin();
    draft.attributes.emplace_back(telemetry::kTraceAttribute, FormatTraceparent(span.context));
  }
}

}  // namespace

void TracingPublisher::Publish(std::string_view topic, std::vector<event::Draft> batch,
                               Published done) {
  std::vector<Span> spans(batch.size());
  const bool room = BytesOf(batch) + batch.size() * kTraceBytes <= kPublishBytesMax;
  const host::WallTime start = tracer_.clock().Now();
  bool sampled = false;
  for (size_t i = 0; i < batch.size(); ++i) {
    Span& span = spans[i];
    BeginSpan(tracer_, room, batch[i], span);
    if (!span.context.sampled) continue;
    sampled = true;
    const std::string name(ShortTopic(topic));
    span.name = "publish " + name;
    span.kind = telemetry::SpanKind::kProducer;
    span.start = start;
    span.attributes = {{"messaging.system", "gcp_pubsub"},
                       {"messaging.operation.name", "publish"},
                       {"messaging.operation.type", "send"},
                       {"messaging.destination.name", name},
                       {"messaging.message.body.size", static_cast<int64_t>(batch[i].data.size())}};
    if (batch[i].ordering_key.empty()) continue;
    span.attributes.emplace_back("messaging.gcp_pubsub.message.ordering_key",
                                 batch[i].ordering_key);
  }
  if (!sampled) return publisher_.Publish(topic, std::move(batch), std::move(done));
  publisher_.Publish(topic, std::move(batch),
                     [&tracer = tracer_, spans = std::move(spans), done = std::move(done)](
                         absl::StatusOr<std::vector<std::string>> ids) mutable {
                       const host::WallTime end = tracer.clock().Now();
                       for (size_t i = 0; i < spans.size(); ++i) {
                         Span& span = spans[i];
                         span.end = end;
                         if (!ids.ok()) {
                           span.error = std::string(ids.status().message());
                         } else if (i < ids->size()) {
                           span.attributes.emplace_back("messaging.message.id", (*ids)[i]);
                         }
                         tracer.End(std::move(span));
                       }
                       done(std::move(ids));
                     });
}

}  // namespace afluente::broker
