#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "host/clock.h"

namespace afluente::broker {

// Names are full resource names: projects/P/topics/T, projects/P/subscriptions/S. Settings have
// the meaning of google.pubsub.v1's messages of the same name.

enum class Encoding : uint8_t { kUnspecified = 0, kJson = 1, kBinary = 2 };

// Which schema a topic's messages must fit, and which of its revisions.
struct SchemaSettings {
  std::string schema;  // "_deleted-schema_" once it is gone
  Encoding encoding = Encoding::kUnspecified;
  std::string first_revision_id;  // empty = any
  std::string last_revision_id;
  friend bool operator==(const SchemaSettings&, const SchemaSettings&) = default;
};

// A JavaScript function over each message ("single message transform").
struct MessageTransform {
  std::string function_name;
  std::string code;
  bool disabled = false;
  friend bool operator==(const MessageTransform&, const MessageTransform&) = default;
};

struct DeadLetterPolicy {
  std::string topic;
  int32_t max_delivery_attempts = 5;
  friend bool operator==(const DeadLetterPolicy&, const DeadLetterPolicy&) = default;
};

struct RetryPolicy {
  std::chrono::milliseconds minimum_backoff{10'000};
  std::chrono::milliseconds maximum_backoff{600'000};
  friend bool operator==(const RetryPolicy&, const RetryPolicy&) = default;
};

struct OidcToken {
  std::string service_account_email;
  std::string audience;  // empty = the endpoint's URL
  friend bool operator==(const OidcToken&, const OidcToken&) = default;
};

struct PushConfig {
  std::string endpoint;
  std::map<std::string, std::string> attributes;  // x-goog-version alone
  std::optional<OidcToken> oidc_token;
  bool wrapped = true;          // false: the message's data alone is the body
  bool write_metadata = false;  // unwrapped: attributes and the like as headers
  friend bool operator==(const PushConfig&, const PushConfig&) = default;
};

struct BigqueryConfig {
  std::string table;  // PROJECT.DATASET.TABLE
  bool use_topic_schema = false;
  bool use_table_schema = false;
  bool write_metadata = false;
  bool drop_unknown_fields = false;
  std::string service_account_email;
  friend bool operator==(const BigqueryConfig&, const BigqueryConfig&) = default;
};

struct TopicSettings {
  std::string name;
  std::map<std::string, std::string> labels;
  std::optional<std::chrono::seconds> message_retention;
  std::optional<SchemaSettings> schema;
  std::vector<MessageTransform> transforms;
};

struct SubscriptionSettings {
  std::string name;
  std::string topic;  // "_deleted-topic_" once its topic is gone
  std::map<std::string, std::string> labels;
  std::chrono::seconds ack_deadline{10};
  std::string filter;
  bool retain_acked_messages = false;
  std::chrono::seconds message_retention{7 * 24 * 3600};
  bool enable_message_ordering = false;
  // Unset = Pub/Sub's default of 31 days; zero = never expires.
  std::optional<std::chrono::seconds> expiration_ttl;
  bool enable_exactly_once_delivery = false;
  bool detached = false;  // by DetachSubscription, for good
  std::optional<DeadLetterPolicy> dead_letter_policy;
  std::optional<RetryPolicy> retry_policy;
  // At most one of both; none = messages are pulled.
  std::optional<PushConfig> push;
  std::optional<BigqueryConfig> bigquery;
  std::vector<MessageTransform> transforms;
  // For answers alone: the topic's.
  std::optional<std::chrono::seconds> topic_message_retention;
};

// A subscription's acks at one moment.
struct SnapshotSettings {
  std::string name;   // projects/P/snapshots/S
  std::string topic;  // "_deleted-topic_" once it is gone; set by the broker
  std::map<std::string, std::string> labels;
  host::WallTime expire_time;  // set by the broker at creation
};

// What the references to a resource become when it is deleted.
inline constexpr char kDeletedTopic[] = "_deleted-topic_";
inline constexpr char kDeletedSchema[] = "_deleted-schema_";

}  // namespace afluente::broker
