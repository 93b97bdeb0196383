#include "function/decision_traces.h"

#include <algorithm>
#include <string>
#include <utility>

namespace afluente::function {
namespace {

using telemetry::Span;

constexpr char kRows[] = "afluente.rows";

const char* NameOf(const Outcome& outcome, bool again) {
  if (again) return "attempt_failed";
  switch (outcome.kind) {
    case Outcome::Kind::kRows:
      return "stored";
    case Outcome::Kind::kDropped:
      return "dropped";
    case Outcome::Kind::kSelfStored:
      return "self_stored";
    case Outcome::Kind::kFailed:
    case Outcome::Kind::kAttemptFailed:
      return "dead_lettered";
  }
  return "";
}

std::string TableOf(const Settings& settings) {
  return settings.table.dataset + "." + settings.table.table;
}

// The part of the message's span that the commit took.
Span CommitOf(const Span& process, const Settings& settings, host::WallTime began) {
  Span commit;
  commit.context = telemetry::Tracer::Below(process.context);
  commit.parent_span_id = process.context.span_id;
  commit.name = "INSERT " + TableOf(settings);
  commit.kind = telemetry::SpanKind::kClient;
  commit.start = std::max(began, process.start);
  commit.end = process.end;
  commit.attributes = {{"db.system.name", "afluente"},
                       {"db.operation.name", "INSERT"},
                       {"db.namespace", settings.table.dataset},
                       {"db.collection.name", settings.table.table}};
  return commit;
}

}  // namespace

void DecisionTraces::Add(const Decision& decision, bool again) {
  if (settings_.tracer == nullptr) return;
  const event::Message& message = *decision.attempt.message;
  const std::string* given = event::FindAttribute(message.attributes, telemetry::kTraceAttribute);
  if (given == nullptr) return;
  const auto parent = telemetry::ParseTraceparent(*given);
  if (!parent || !parent->sampled) return;
  Span span;
  span.context = telemetry::Tracer::Below(*parent);
  span.parent_span_id = parent->span_id;
  span.name = "process " + settings_.name;
  span.kind = telemetry::SpanKind::kConsumer;
  span.start = decision.attempt.began;
  span.attributes = {
      {"messaging.system", "gcp_pubsub"},
      {"messaging.operation.name", "process"},
      {"messaging.operation.type", "process"},
      {"messaging.destination.name", settings_.topic.substr(settings_.topic.rfind('/') + 1)},
      {"messaging.message.id", message.message_id},
      {"messaging.gcp_pubsub.message.delivery_attempt", decision.attempt.number},
      {"afluente.function", settings_.name},
      {"afluente.outcome", NameOf(decision.outcome, again)}};
  if (decision.outcome.kind == Outcome::Kind::kRows) {
    span.attributes.emplace_back(kRows, static_cast<int64_t>(decision.outcome.rows.size()));
  }
  if (decision.outcome.failed()) span.error = decision.outcome.error;
  spans_.push_back(std::move(span));
}

void DecisionTraces::End(host::WallTime commit_began) {
  if (spans_.empty()) return;
  const host::WallTime end = settings_.tracer->clock().Now();
  for (Span& span : spans_) {
    span.end = end;
    const bool stored = span.attributes.back().first == kRows;
    if (stored) settings_.tracer->End(CommitOf(span, settings_, commit_began));
    settings_.tracer->End(std::move(span));
  }
  spans_.clear();
}

}  // namespace afluente::function
