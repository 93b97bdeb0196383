#include <algorithm>
#include <chrono>
#include <future>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "broker/broker.h"
#include "console/part_routes.h"
#include "console/readings.h"
#include "host/check.h"
#include "schema/civil_time.h"
#include "schema/format_value.h"
#include "spec/spec.h"

namespace afluente::console {
namespace {

using nlohmann::json;

constexpr size_t kTopicsMax = 10'000;
constexpr size_t kPartsMax = 500;

std::string Time(host::WallTime time) {
  return schema::FormatRfc3339(time.time_since_epoch().count());
}

absl::StatusOr<std::string> Topics(const ConsolePorts& ports) {
  broker::BrokerStats stats = ports.broker.Stats();
  std::sort(stats.topics.begin(), stats.topics.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  json topics = json::array();
  for (const auto& topic : stats.topics) {
    if (topics.size() == kTopicsMax) break;
    topics.push_back({{"name", ShortName(topic.name, ports.spec.project)},
                      {"published", topic.published},
                      {"retained", topic.retained}});
  }
  const size_t all = stats.topics.size();
  return Dump({{"topics", std::move(topics)}, {"all", all}});
}

json SubscriptionOf(const broker::SubscriptionSettings& settings,
                    const broker::SubscriptionStats& stats, const ConsolePorts& ports) {
  const char* kind = settings.push ? "push" : settings.bigquery ? "table" : "pull";
  json subscription = {{"name", ShortName(settings.name, ports.spec.project)},
                       {"kind", kind},
                       {"filter", settings.filter},
                       {"ack_deadline_seconds", settings.ack_deadline.count()},
                       {"ordered", settings.enable_message_ordering},
                       {"exactly_once", settings.enable_exactly_once_delivery},
                       {"detached", settings.detached},
                       {"backlog", stats.backlog},
                       {"outstanding", stats.outstanding},
                       {"oldest_age_seconds", stats.oldest_unacked_age.count()},
                       {"sent", stats.sent},
                       {"acked", stats.acked},
                       {"dead_lettered", stats.dead_lettered}};
  if (settings.push) subscription["to"] = settings.push->endpoint;
  if (settings.bigquery) subscription["to"] = settings.bigquery->table;
  if (settings.dead_letter_policy)
    subscription["dead_letter_topic"] =
        ShortName(settings.dead_letter_policy->topic, ports.spec.project);
  return subscription;
}

absl::StatusOr<std::string> OneTopic(const std::string& name, const ConsolePorts& ports) {
  AFLUENTE_ASSIGN_OR_RETURN(const auto settings, ports.broker.GetTopic(name));
  const broker::BrokerStats stats = ports.broker.Stats();
  json topic = {{"name", ShortName(name, ports.spec.project)}, {"labels", settings.labels}};
  if (settings.message_retention)
    topic["message_retention_seconds"] = settings.message_retention->count();
  if (settings.schema) topic["schema"] = ShortName(settings.schema->schema, ports.spec.project);
  for (const auto& each : stats.topics) {
    if (each.name != name) continue;
    topic["published"] = each.published;
    topic["retained"] = each.retained;
  }
  std::map<std::string, const broker::SubscriptionStats*> by_name;
  for (const auto& each : stats.subscriptions) by_name[each.name] = &each;
  topic["subscriptions"] = json::array();
  AFLUENTE_ASSIGN_OR_RETURN(const auto subscriptions,
                            ports.broker.ListTopicSubscriptions(name, kPartsMax, ""));
  for (const std::string& each : subscriptions.items) {
    const auto found = ports.broker.GetSubscription(each);
    if (!found.ok() || !by_name.contains(each)) continue;  // deleted in between
    topic["subscriptions"].push_back(SubscriptionOf(*found, *by_name[each], ports));
  }
  topic["snapshots"] = json::array();
  AFLUENTE_ASSIGN_OR_RETURN(const auto snapshots,
                            ports.broker.ListTopicSnapshots(name, kPartsMax, ""));
  for (const std::string& each : snapshots.items) {
    const auto found = ports.broker.GetSnapshot(each);
    if (!found.ok()) continue;
    topic["snapshots"].push_back(
        {{"name", ShortName(each, ports.spec.project)}, {"expire_time", Time(found->expire_time)}});
  }
  topic["functions"] = json::array();
  for (const spec::Function& function : ports.spec.functions) {
    if (WholeName(function.topic, "topics", ports.spec.project) == name)
      topic["functions"].push_back(function.name);
  }
  return Dump(topic);
}

absl::StatusOr<event::Draft> ReadDraft(const json& body) {
  event::Draft draft;
  if (body.contains("data_base64")) {
    AFLUENTE_ASSIGN_OR_RETURN(const std::string text, StringField(body, "data_base64"));
    if (!absl::Base64Unescape(text, &draft.data))
      return absl::InvalidArgumentError("$.data_base64: not base64");
  } else {
    AFLUENTE_ASSIGN_OR_RETURN(draft.data, StringField(body, "data"));
  }
  if (body.contains("ordering_key")) {
    AFLUENTE_ASSIGN_OR_RETURN(draft.ordering_key, StringField(body, "ordering_key"));
  }
  if (!body.contains("attributes")) return draft;
  if (!body["attributes"].is_object())
    return absl::InvalidArgumentError("$.attributes: expected an object of strings");
  for (const auto& [key, value] : body["attributes"].items()) {
    if (!value.is_string())
      return absl::InvalidArgumentError("$.attributes: expected an object of strings");
    draft.attributes.emplace_back(key, value.get<std::string>());
  }
  std::sort(draft.attributes.begin(), draft.attributes.end());
  return draft;
}

absl::StatusOr<std::string> Publish(const json& body, const ConsolePorts& ports) {
  AFLUENTE_ASSIGN_OR_RETURN(const std::string topic, StringField(body, "topic"));
  AFLUENTE_ASSIGN_OR_RETURN(event::Draft draft, ReadDraft(body));
  using Answer = absl::StatusOr<std::vector<std::string>>;
  // Shared with the journal's thread, which may still be in set_value when the wait ends.
  auto promise = std::make_shared<std::promise<Answer>>();
  auto answer = promise->get_future();
  std::vector<event::Draft> batch;
  batch.push_back(std::move(draft));
  ports.publisher.Publish(WholeName(topic, "topics", ports.spec.project), std::move(batch),
                          [promise](Answer ids) { promise->set_value(std::move(ids)); });
  AFLUENTE_ASSIGN_OR_RETURN(const auto ids, answer.get());
  return Dump({{"message_id", ids.empty() ? "" : ids.front()}});
}

absl::StatusOr<std::string> Seek(const json& body, const ConsolePorts& ports) {
  AFLUENTE_ASSIGN_OR_RETURN(const std::string name, StringField(body, "subscription"));
  const std::string whole = WholeName(name, "subscriptions", ports.spec.project);
  if (body.contains("snapshot")) {
    AFLUENTE_ASSIGN_OR_RETURN(const std::string snapshot, StringField(body, "snapshot"));
    AFLUENTE_RETURN_IF_ERROR(
        ports.broker.Seek(whole, WholeName(snapshot, "snapshots", ports.spec.project)));
    return "{}";
  }
  AFLUENTE_ASSIGN_OR_RETURN(const std::string text, StringField(body, "time"));
  const auto micros = schema::ParseTimestamp(text);
  if (!micros) return absl::InvalidArgumentError("$.time: expected a timestamp (RFC 3339)");
  AFLUENTE_RETURN_IF_ERROR(
      ports.broker.Seek(whole, host::WallTime(std::chrono::microseconds(*micros))));
  return "{}";
}

absl::StatusOr<std::string> CreateSnapshot(const json& body, const ConsolePorts& ports) {
  AFLUENTE_ASSIGN_OR_RETURN(const std::string subscription, StringField(body, "subscription"));
  AFLUENTE_ASSIGN_OR_RETURN(const std::string name, StringField(body, "name"));
  broker::SnapshotSettings settings;
  if (!name.empty()) settings.name = WholeName(name, "snapshots", ports.spec.project);
  AFLUENTE_ASSIGN_OR_RETURN(
      const auto made,
      ports.broker.CreateSnapshot(std::move(settings),
                                  WholeName(subscription, "subscriptions", ports.spec.project)));
  return Dump({{"name", ShortName(made.name, ports.spec.project)}});
}

}  // namespace

void AddTopicRoutes(Routes& routes) {
  const ConsolePorts& ports = routes.ports();
  routes.Get("/v1/topics", [&ports](const http::Request&) { return Topics(ports); });
  routes.Get("/v1/topic", [&ports](const http::Request& request) {
    const std::string name = QueryValue(request, "name").value_or("");
    return OneTopic(WholeName(name, "topics", ports.spec.project), ports);
  });
  routes.Post("/v1/topic/publish",
              [&ports](const http::Request&, const json& body) { return Publish(body, ports); });
  routes.Post("/v1/subscription/seek",
              [&ports](const http::Request&, const json& body) { return Seek(body, ports); });
  routes.Post("/v1/subscription/snapshot", [&ports](const http::Request&, const json& body) {
    return CreateSnapshot(body, ports);
  });
  routes.Post("/v1/snapshot/delete",
              [&ports](const http::Request&, const json& body) -> absl::StatusOr<std::string> {
                AFLUENTE_ASSIGN_OR_RETURN(const std::string name, StringField(body, "name"));
                AFLUENTE_RETURN_IF_ERROR(
                    ports.broker.DeleteSnapshot(WholeName(name, "snapshots", ports.spec.project)));
                return "{}";
              });
}

}  // namespace afluente::console
