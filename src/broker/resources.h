#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>

namespace afluente::broker {

// Names are full resource names: projects/P/topics/T, projects/P/subscriptions/S.

// A topic's settings, with google.pubsub.v1.Topic's meaning.
struct TopicSettings {
  std::string name;
  std::map<std::string, std::string> labels;
  std::optional<std::chrono::seconds> message_retention;
};

// A subscription's settings, with google.pubsub.v1.Subscription's meaning.
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
};

}  // namespace afluente::broker
