#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "event/by_name.h"
#include "schema/type.h"
#include "schema/value.h"
#include "spec/access.h"
#include "spec/endpoint.h"
#include "spec/sources.h"

namespace afluente::spec {

// afluente.yaml, validated: names, types and references hold. Field names are the file's own.
struct Topic {
  std::string name;
  std::optional<std::chrono::seconds> message_retention_duration;
  std::optional<Forward> forward;
};

struct Subscription {
  std::string name;
  std::string topic;
  std::string filter;
  int ack_deadline_seconds = 10;
  bool enable_message_ordering = false;
};

struct TimePartitioning {
  std::string type;   // DAY, HOUR, MONTH, YEAR
  std::string field;  // empty = ingestion time
};

struct Table {
  std::string name;
  std::vector<schema::Column> schema;
  std::optional<TimePartitioning> time_partitioning;
  std::vector<std::string> clustering;
  std::string description;
};

struct Dataset {
  std::string name;
  std::string location;
  std::vector<Table> tables;
};

struct RetryPolicy {
  std::chrono::milliseconds minimum_backoff{1'000};
  std::chrono::milliseconds maximum_backoff{60'000};
};

struct DeadLetterPolicy {
  std::string topic;  // empty = the table alone
  int max_delivery_attempts = 5;
};

enum class Start { kEarliest, kLatest };

// A function in JavaScript.
struct JavascriptTransform {
  std::string file;
  std::string code;
  std::string function_name;  // empty = the only one of the file, or `transform`
};

enum class EventFormat { kPubsub, kCloudeventsBinary, kCloudeventsStructured };

// A function behind a URL.
struct HttpTransform {
  std::string url;
  EventFormat format = EventFormat::kPubsub;
  int concurrency = 64;
  std::chrono::milliseconds timeout{30'000};
  uint64_t response_bytes = 10'000'000;
};

struct Function {
  std::string name;
  std::string previous_name;  // empty = it was always called so
  std::string topic;
  std::string filter;
  std::string dataset;  // of `table`, or named by `dataset:`
  std::string table;    // without its dataset; empty for a function that stores for itself
  // At most one of three; none = by column name. The SQL transform's text and file:
  std::string sql;
  std::string sql_file;
  std::optional<JavascriptTransform> javascript;
  std::optional<HttpTransform> http;
  event::UnknownFields unknown_fields = event::UnknownFields::kReject;
  RetryPolicy retry_policy;
  DeadLetterPolicy dead_letter_policy;
  bool enable_message_ordering = false;
  Start start = Start::kEarliest;
};

// Where spans go: an OTLP receiver.
struct Traces {
  std::string endpoint;
  double sample_ratio = 1;  // of the traces that begin here
};

struct Limits {
  uint64_t memory_bytes = uint64_t{2} << 30;
  int threads = 1;
  uint64_t disk_bytes = uint64_t{50} << 30;
  uint64_t request_bytes = uint64_t{10} << 20;
};

struct Spec {
  std::string file;  // as given, for messages
  std::string project;
  std::vector<Topic> topics;
  std::vector<Subscription> subscriptions;
  std::vector<Dataset> datasets;
  std::vector<Function> functions;
  std::vector<std::string> removed_functions;  // with `removed: true`; in no other list
  std::vector<Endpoint> endpoints;
  std::optional<Access> access;  // nullopt: identity is off, and every door stays on loopback
  std::optional<Tls> tls;
  Sources sources;
  Limits limits;
  std::optional<Traces> traces;  // nullopt: none, unless the environment names a receiver
};

// Reads and validates a file and the SQL files that it names (relative to it). INVALID_ARGUMENT
// lists every finding, a line each: "file:line:column: message" with a suggestion where a known
// name is near.
absl::StatusOr<Spec> Load(const std::string& file);

// The JSON Schema (2020-12) of afluente.yaml.
std::string JsonSchema();

// A line for each limit: its name, value, meaning and default.
std::string DescribeLimits(const Limits& limits);

}  // namespace afluente::spec
