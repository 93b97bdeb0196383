#include "source/mqtt/routes.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "event/topic_filter.h"
#include "host/check.h"
#include "schema/format_value.h"
#include "source/delivery_log.h"
#include "telemetry/trace_context.h"

namespace afluente::source::mqtt {
namespace {

using Attributes = std::map<std::string, std::string>;

// Of the arrival and its properties; only what is there.
void AddArrival(const Arrival& arrival, Attributes& attributes) {
  const Publish& publish = arrival.publish;
  attributes["mqtt_topic"] = publish.topic;
  attributes["mqtt_client_id"] = std::string(arrival.client_id);
  attributes["mqtt_received_at"] = schema::FormatRfc3339(arrival.time.time_since_epoch().count());
  attributes["mqtt_qos"] = std::to_string(publish.qos);
  if (publish.retain) attributes["mqtt_retain"] = "true";
  if (arrival.will) attributes["mqtt_will"] = "true";
  for (const Property& property : publish.properties) {
    switch (property.id) {
      case PropertyId::kContentType:
        attributes["mqtt_content_type"] = property.text;
        break;
      case PropertyId::kResponseTopic:
        attributes["mqtt_response_topic"] = property.text;
        break;
      case PropertyId::kCorrelationData:
        attributes["mqtt_correlation_data"] = absl::Base64Escape(property.text);
        break;
      case PropertyId::kMessageExpiry:
        attributes["mqtt_message_expiry"] = std::to_string(property.number);
        break;
      default:
        break;
    }
  }
}

absl::Status AddUserProperties(const Route& route, const Properties& properties,
                               Attributes& attributes) {
  Attributes users;
  for (const Property& property : properties) {
    if (property.id != PropertyId::kUserProperty) continue;
    // W3C's "Trace Context: MQTT protocol" puts it there.
    const bool trace =
        property.text == "traceparent" && telemetry::ParseTraceparent(property.value);
    const std::string name = trace ? std::string(telemetry::kTraceAttribute) : property.text;
    if (name.empty() || absl::StartsWith(name, "mqtt_") || name == kDeliveryAttribute ||
        route.attributes.contains(name)) {
      return absl::InvalidArgumentError(
          absl::StrCat("the user property '", name, "' has a name that is not a device's to use"));
    }
    // A property may come several times; an attribute is one.
    const auto [at, is_new] = users.emplace(name, property.value);
    if (!is_new) absl::StrAppend(&at->second, ",", property.value);
  }
  attributes.merge(users);
  return absl::OkStatus();
}

}  // namespace

Routes::Routes(std::vector<Route> routes) : routes_(std::move(routes)) {
  std::stable_sort(routes_.begin(), routes_.end(), [](const Route& a, const Route& b) {
    return event::IsMoreSpecific(a.filter, b.filter);
  });
}

const Route* Routes::Find(std::string_view topic) const {
  for (const Route& route : routes_) {
    if (event::MatchesTopicFilter(route.filter, topic)) return &route;
  }
  return nullptr;
}

std::vector<std::string> Routes::topics() const {
  std::vector<std::string> topics;
  for (const Route& route : routes_) {
    if (std::find(topics.begin(), topics.end(), route.topic) == topics.end()) {
      topics.push_back(route.topic);
    }
  }
  return topics;
}

absl::StatusOr<event::Draft> ToDraft(const Route& route, const Arrival& arrival) {
  Attributes attributes = route.attributes;
  AddArrival(arrival, attributes);
  AFLUENTE_RETURN_IF_ERROR(AddUserProperties(route, arrival.publish.properties, attributes));
  event::Draft draft;
  draft.data = arrival.publish.payload;
  draft.attributes.assign(attributes.begin(), attributes.end());
  if (route.order_by == Route::OrderBy::kTopic) draft.ordering_key = arrival.publish.topic;
  if (route.order_by == Route::OrderBy::kClientId) {
    draft.ordering_key = std::string(arrival.client_id);
  }
  return draft;
}

}  // namespace afluente::source::mqtt
