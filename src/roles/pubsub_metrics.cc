#include "roles/pubsub_metrics.h"

#include <string>
#include <string_view>

#include "absl/strings/str_split.h"
#include "broker/broker.h"
#include "broker/counters.h"
#include "telemetry/exposition.h"
#include "telemetry/metric_names.h"
#include "telemetry/metrics.h"

namespace afluente::roles {
namespace {

using broker::BrokerStats;
using broker::SubscriptionStats;
using broker::TopicStats;
using broker::push::PushStats;
using telemetry::Exposition;
using Kind = telemetry::MetricKind;

constexpr double kMillisecondsInSecond = 1e3;
constexpr double kMicrosecondsInSecond = 1e6;

// Of projects/P/<kind>s/ID.
telemetry::Labels NameLabels(const std::string& name, const char* id_label) {
  const std::vector<std::string> parts = absl::StrSplit(name, '/');
  return {{"project_id", parts.at(1)}, {id_label, parts.at(3)}};
}

std::vector<double> Scaled(double by) {
  std::vector<double> bounds = telemetry::Histogram::Bounds();
  for (double& bound : bounds) bound *= by;
  return bounds;
}

// A resource's numbers and its labels, made once for all its metrics.
template <typename Stats>
struct Labelled {
  const Stats& stats;
  std::string labels;
};

template <typename Stats>
std::vector<Labelled<Stats>> WithLabels(const std::vector<Stats>& all, const char* id_label) {
  std::vector<Labelled<Stats>> labelled;
  labelled.reserve(all.size());
  for (const Stats& each : all)
    labelled.push_back({each, telemetry::LabelText(NameLabels(each.name, id_label))});
  return labelled;
}

template <typename Stats, typename Read>
void ExposeEach(Exposition& page, const std::vector<Labelled<Stats>>& all, std::string_view name,
                std::string_view help, Kind kind, Read read) {
  page.Family(name, help, kind);
  for (const auto& each : all) page.Sample(each.labels, static_cast<uint64_t>(read(each.stats)));
}

void ExposeTopics(const std::vector<TopicStats>& stats, Exposition& page) {
  const auto topics = WithLabels(stats, "topic_id");
  ExposeEach(page, topics, telemetry::kTopicByteCost, "Bytes published.", Kind::kCounter,
             [](const TopicStats& topic) { return topic.bytes; });
  page.Family(telemetry::kTopicMessageSizes, "Sizes of published messages in bytes.",
              Kind::kHistogram);
  for (const auto& each : topics) {
    if (each.stats.messages == 0) continue;
    page.Histogram(each.labels, broker::SizeCounts::Bounds(), each.stats.size_counts,
                   static_cast<double>(each.stats.bytes));
  }
  ExposeEach(page, topics, telemetry::kTopicSendMessageOperationCount, "Messages published.",
             Kind::kCounter, [](const TopicStats& topic) { return topic.messages; });
}

void ExposeSubscriptions(const std::vector<SubscriptionStats>& stats, Exposition& page) {
  using S = SubscriptionStats;
  const auto all = WithLabels(stats, "subscription_id");
  page.Family(telemetry::kSubscriptionAckLatencies,
              "Milliseconds from a delivery to its acknowledgement.", Kind::kHistogram);
  const std::vector<double> milliseconds = Scaled(kMillisecondsInSecond);
  for (const auto& each : all) {
    if (each.stats.ack_latency_counts.empty()) continue;
    page.Histogram(each.labels, milliseconds, each.stats.ack_latency_counts,
                   each.stats.ack_latency_seconds * kMillisecondsInSecond);
  }
  ExposeEach(page, all, telemetry::kSubscriptionAckMessageCount, "Messages acknowledged.",
             Kind::kCounter, [](const S& each) { return each.acked; });
  ExposeEach(page, all, telemetry::kSubscriptionByteCost, "Bytes delivered.", Kind::kCounter,
             [](const S& each) { return each.sent_bytes; });
  ExposeEach(page, all, telemetry::kSubscriptionDeadLetterMessageCount,
             "Messages forwarded to the dead-letter topic.", Kind::kCounter,
             [](const S& each) { return each.dead_lettered; });
  ExposeEach(page, all, telemetry::kSubscriptionNumOutstandingMessages,
             "Messages delivered and neither acknowledged nor given back.", Kind::kGauge,
             [](const S& each) { return each.outstanding; });
  ExposeEach(page, all, telemetry::kSubscriptionNumUndeliveredMessages,
             "Messages that are not acknowledged.", Kind::kGauge,
             [](const S& each) { return each.backlog; });
  ExposeEach(page, all, telemetry::kSubscriptionOldestUnackedMessageAge,
             "Age of the oldest message that is not acknowledged, in seconds.", Kind::kGauge,
             [](const S& each) { return each.oldest_unacked_age.count(); });
  ExposeEach(page, all, telemetry::kSubscriptionSentMessageCount,
             "Messages delivered, again and again ones included.", Kind::kCounter,
             [](const S& each) { return each.sent; });
}

void ExposePushes(const std::vector<PushStats>& pushes, Exposition& page) {
  page.Family(telemetry::kSubscriptionPushRequestCount, "Push requests by their result.",
              Kind::kCounter);
  for (const PushStats& each : pushes) {
    for (const auto& [result, count] : each.requests) {
      telemetry::Labels labels = NameLabels(each.subscription, "subscription_id");
      labels.emplace_back("response_class", result.first);
      labels.emplace_back("response_code", std::to_string(result.second));
      page.Sample(telemetry::LabelText(labels), count);
    }
  }
  page.Family(telemetry::kSubscriptionPushRequestLatencies,
              "Microseconds from a push request to its answer.", Kind::kHistogram);
  const std::vector<double> microseconds = Scaled(kMicrosecondsInSecond);
  for (const PushStats& each : pushes) {
    if (each.requests.empty()) continue;
    page.Histogram(telemetry::LabelText(NameLabels(each.subscription, "subscription_id")),
                   microseconds, each.latency_counts, each.latency_seconds * kMicrosecondsInSecond);
  }
}

}  // namespace

void ExposePubsub(const BrokerStats& stats, const std::vector<PushStats>& pushes,
                  Exposition& page) {
  ExposeSubscriptions(stats.subscriptions, page);
  ExposePushes(pushes, page);
  ExposeTopics(stats.topics, page);
}

}  // namespace afluente::roles
