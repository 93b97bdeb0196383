#include "spec/init.h"

namespace afluente::spec {
namespace {

constexpr const char* kSpec =
    R"(# One pipeline: what is published to the topic `events` becomes rows of
# `analytics.events`, and the API answers from that table. Check this file with
# `afluente validate`, run it with `afluente up`, and publish the sample with
# `afluente publish events --file events.ndjson`.
project: my-project

topics:
  events: {}

datasets:
  analytics:
    tables:
      events:
        schema:
          - {name: event_id, type: INT64, mode: REQUIRED}
          - {name: kind, type: STRING, mode: REQUIRED}
          - {name: user_email, type: STRING}
          - {name: amount, type: NUMERIC}
          - {name: happened_at, type: TIMESTAMP}
        time_partitioning: {type: DAY, field: happened_at}
        clustering: [kind]

functions:
  # Without `transform`, the fields of a JSON message go to the columns of the same name.
  store_events:
    topic: events
    table: analytics.events

endpoints:
  "/events/{kind}":
    summary: The latest events of one kind
    sql: queries/events_of_kind.sql
    parameters: {kind: STRING}
)";

constexpr const char* kQuery = R"(SELECT event_id, user_email, amount, happened_at
FROM analytics.events
WHERE kind = @kind
ORDER BY happened_at DESC, event_id
LIMIT 100
)";

constexpr const char* kEvents =
    R"({"event_id": 1, "kind": "signup", "user_email": "ana@ltm.example"}
{"event_id": 2, "kind": "purchase", "amount": 24.90, "happened_at": "2026-01-05T09:42:10Z"}
{"event_id": 3, "kind": "purchase", "amount": "7.5", "happened_at": "2026-01-05T10:01:00+01:00"}
)";

}  // namespace

std::vector<std::pair<std::string, std::string>> InitialFiles() {
  return {
      {"afluente.yaml", kSpec}, {"queries/events_of_kind.sql", kQuery}, {"events.ndjson", kEvents}};
}

}  // namespace afluente::spec
