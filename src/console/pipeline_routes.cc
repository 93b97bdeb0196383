#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "broker/broker.h"
#include "console/part_routes.h"
#include "console/readings.h"
#include "spec/spec.h"
#include "warehouse/catalog.h"
#include "warehouse/warehouse.h"

namespace afluente::console {
namespace {

using nlohmann::json;

constexpr size_t kTopicsDrawnMax = 200;

// The tables that an endpoint's statement reads; none when it cannot be described.
json TablesOf(const spec::Endpoint& endpoint, const ConsolePorts& ports) {
  std::vector<warehouse::Parameter> parameters;
  for (const auto& parameter : endpoint.parameters)
    parameters.push_back({parameter.name, parameter.type, {}});
  const auto facts = ports.warehouse.Describe({endpoint.sql, ports.spec.project, ""}, parameters);
  json tables = json::array();
  if (!facts.ok()) return tables;
  for (const auto& table : facts->tables_read)
    tables.push_back(absl::StrCat(table.dataset, ".", table.table));
  return tables;
}

const char* TransformOf(const spec::Function& function) {
  if (function.javascript) return "JavaScript";
  if (function.http) return "HTTP";
  return function.sql.empty() ? "by column name" : "SQL";
}

json FunctionsOf(const spec::Spec& spec) {
  json functions = json::array();
  for (const spec::Function& each : spec.functions) {
    functions.push_back(
        {{"name", each.name},
         {"topic", each.topic},
         {"filter", each.filter},
         {"table", each.table.empty() ? "" : absl::StrCat(each.dataset, ".", each.table)},
         {"dead_letter_table", absl::StrCat(each.dataset, ".dead_letters")},
         {"dead_letter_topic", each.dead_letter_policy.topic},
         {"transform", TransformOf(each)},
         {"transform_file", each.sql_file},
         {"transform_text", each.sql}});
  }
  return functions;
}

// Those of the specification and of subscriptions; the others are a number.
json TopicsOf(const ConsolePorts& ports, size_t& others) {
  std::set<std::string> named;
  for (const spec::Topic& topic : ports.spec.topics) named.insert(topic.name);
  std::vector<std::string> rest;
  const broker::BrokerStats stats = ports.broker.Stats();
  for (const auto& topic : stats.topics) {
    std::string name = ShortName(topic.name, ports.spec.project);
    if (!named.contains(name)) rest.push_back(std::move(name));
  }
  json topics = json::array();
  for (const std::string& name : named) {
    if (topics.size() < kTopicsDrawnMax) topics.push_back({{"name", name}, {"declared", true}});
  }
  std::sort(rest.begin(), rest.end());
  constexpr size_t kRestDrawn = 5;
  for (size_t i = 0; i < std::min(kRestDrawn, rest.size()); ++i)
    topics.push_back({{"name", rest[i]}, {"declared", false}});
  others = named.size() + rest.size() - topics.size();
  return topics;
}

// The doors that messages come by, and the topics that they lead to (null: any).
json SourcesOf(const spec::Spec& spec) {
  json sources = {{{"name", "Pub/Sub"}, {"kind", "pubsub"}, {"topics", nullptr}},
                  {{"name", "HTTP"}, {"kind", "http"}, {"topics", nullptr}}};
  if (!spec.sources.mqtt) return sources;
  std::set<std::string> topics;
  for (const spec::MqttRoute& route : spec.sources.mqtt->routes) topics.insert(route.topic);
  sources.push_back({{"name", "MQTT"}, {"kind", "mqtt"}, {"topics", topics}});
  return sources;
}

// Where a topic's messages go on to, by the subscription that its forward reads.
const spec::Forward* ForwardOf(const std::string& subscription, const spec::Spec& spec) {
  for (const spec::Topic& topic : spec.topics) {
    if (topic.forward && subscription == spec::kForwardPrefix + topic.name) return &*topic.forward;
  }
  return nullptr;
}

json SubscriptionsOf(const ConsolePorts& ports) {
  json subscriptions = json::array();
  const auto page = ports.broker.ListSubscriptions("projects/" + ports.spec.project, 100, "");
  if (!page.ok()) return subscriptions;
  for (const broker::SubscriptionSettings& each : page->items) {
    const std::string name = ShortName(each.name, ports.spec.project);
    const spec::Forward* forward = ForwardOf(name, ports.spec);
    const char* kind = forward != nullptr ? "forward"
                       : each.push        ? "push"
                       : each.bigquery    ? "table"
                                          : "pull";
    subscriptions.push_back({{"name", name},
                             {"topic", ShortName(each.topic, ports.spec.project)},
                             {"kind", kind},
                             {"to", forward == nullptr ? "" : forward->topic}});
  }
  return subscriptions;
}

json EndpointsOf(const ConsolePorts& ports) {
  json endpoints = json::array();
  for (const spec::Endpoint& endpoint : ports.spec.endpoints) {
    endpoints.push_back({{"path", endpoint.path},
                         {"summary", endpoint.summary},
                         {"tables", TablesOf(endpoint, ports)}});
  }
  return endpoints;
}

absl::StatusOr<std::string> Pipeline(const ConsolePorts& ports) {
  const spec::Spec& spec = ports.spec;
  size_t others = 0;
  json topics = TopicsOf(ports, others);
  json tables = json::array();
  for (const spec::Dataset& dataset : spec.datasets) {
    for (const spec::Table& table : dataset.tables)
      tables.push_back({{"name", absl::StrCat(dataset.name, ".", table.name)}});
  }
  return Dump({{"project", spec.project},
               {"sources", SourcesOf(spec)},
               {"topics", std::move(topics)},
               {"other_topics", others},
               {"subscriptions", SubscriptionsOf(ports)},
               {"functions", FunctionsOf(spec)},
               {"tables", std::move(tables)},
               {"endpoints", EndpointsOf(ports)}});
}

}  // namespace

void AddPipelineRoutes(Routes& routes) {
  routes.Get("/v1/pipeline",
             [&ports = routes.ports()](const http::Request&) { return Pipeline(ports); });
}

}  // namespace afluente::console
