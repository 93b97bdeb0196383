#include "roles/apply_spec.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "broker/broker.h"
#include "host/check.h"
#include "telemetry/log.h"
#include "warehouse/catalog.h"
#include "warehouse/dead_letter_table.h"

namespace afluente::roles {
namespace {

absl::Status ApplyTopic(const std::string& project, const spec::Topic& topic,
                        broker::Topics& topics) {
  broker::TopicSettings wanted;
  wanted.name = absl::StrCat("projects/", project, "/topics/", topic.name);
  wanted.message_retention = topic.message_retention_duration;
  auto existing = topics.GetTopic(wanted.name);
  if (absl::IsNotFound(existing.status())) return topics.CreateTopic(wanted).status();
  AFLUENTE_RETURN_IF_ERROR(existing.status());
  if (existing->message_retention == wanted.message_retention) return absl::OkStatus();
  wanted.labels = existing->labels;
  return topics.UpdateTopic(wanted).status();
}

// As in Pub/Sub, a subscription outlives its topic, and a new topic of that name is another one. It
// may hold messages that nobody else has: it is left as it is.
void WarnOfDeletedTopic(const spec::Subscription& subscription) {
  telemetry::Log(
      telemetry::Severity::kWarning,
      "a subscription's topic was deleted: it keeps the messages it has and gets none of "
      "the new topic of that name; delete it when it is drained, and the next start "
      "makes it anew, or give the specification's one a new name",
      {{"subscription", subscription.name}, {"topic", subscription.topic}});
}

absl::Status ApplySubscription(const std::string& project, const spec::Subscription& subscription,
                               broker::Subscriptions& subscriptions) {
  broker::SubscriptionSettings wanted;
  wanted.name = absl::StrCat("projects/", project, "/subscriptions/", subscription.name);
  wanted.topic = absl::StrCat("projects/", project, "/topics/", subscription.topic);
  wanted.filter = subscription.filter;
  wanted.ack_deadline = std::chrono::seconds(subscription.ack_deadline_seconds);
  wanted.enable_message_ordering = subscription.enable_message_ordering;
  auto existing = subscriptions.GetSubscription(wanted.name);
  if (absl::IsNotFound(existing.status())) {
    return subscriptions.CreateSubscription(wanted).status();
  }
  AFLUENTE_RETURN_IF_ERROR(existing.status());
  const auto refuse = [&](const char* what) {
    return absl::FailedPreconditionError(absl::StrCat("subscription ", subscription.name, ": its ",
                                                      what, " cannot change; use a new name"));
  };
  if (existing->topic == broker::kDeletedTopic) {
    WarnOfDeletedTopic(subscription);
    return absl::OkStatus();
  }
  if (existing->topic != wanted.topic) return refuse("topic");
  if (existing->filter != wanted.filter) return refuse("filter");
  if (existing->enable_message_ordering != wanted.enable_message_ordering) {
    return refuse("enable_message_ordering");
  }
  if (existing->ack_deadline == wanted.ack_deadline) return absl::OkStatus();
  existing->ack_deadline = wanted.ack_deadline;
  return subscriptions.UpdateSubscription(*std::move(existing)).status();
}

warehouse::PartitionUnit UnitOf(const std::string& type) {
  if (type == "HOUR") return warehouse::PartitionUnit::kHour;
  if (type == "MONTH") return warehouse::PartitionUnit::kMonth;
  if (type == "YEAR") return warehouse::PartitionUnit::kYear;
  return warehouse::PartitionUnit::kDay;
}

bool IsFunctionFed(const spec::Spec& spec, const std::string& dataset, const std::string& table) {
  for (const spec::Function& function : spec.functions) {
    if (function.dataset == dataset && function.table == table) return true;
  }
  return false;
}

}  // namespace

const spec::Table* FindTable(const spec::Spec& spec, const spec::Function& function) {
  for (const spec::Dataset& dataset : spec.datasets) {
    if (dataset.name != function.dataset) continue;
    for (const spec::Table& table : dataset.tables) {
      if (table.name == function.table) return &table;
    }
  }
  return nullptr;
}

warehouse::TableSchema ToTableSchema(const spec::Spec& spec, const std::string& dataset,
                                     const spec::Table& table) {
  warehouse::TableSchema schema;
  schema.name = {spec.project, dataset, table.name};
  schema.columns = table.schema;
  if (table.time_partitioning) {
    schema.partitioning = {UnitOf(table.time_partitioning->type), table.time_partitioning->field};
  }
  schema.clustering = table.clustering;
  schema.description = table.description;
  schema.function_fed = IsFunctionFed(spec, dataset, table.name);
  return schema;
}

// A dataset's location is that of its creation, as BigQuery has it.
static absl::Status ApplyDataset(const std::string& project, const spec::Dataset& dataset,
                                 warehouse::Catalog& catalog) {
  if (dataset.location.empty()) return catalog.EnsureDataset(project, dataset.name);
  warehouse::Dataset made;
  made.project = project;
  made.dataset = dataset.name;
  made.location = dataset.location;
  const absl::Status status = catalog.CreateDataset(made);
  return absl::IsAlreadyExists(status) ? absl::OkStatus() : status;
}

absl::Status ApplySpec(const spec::Spec& spec, broker::Broker& broker,
                       warehouse::Catalog& catalog) {
  for (const spec::Topic& topic : spec.topics) {
    AFLUENTE_RETURN_IF_ERROR(ApplyTopic(spec.project, topic, broker));
  }
  for (const spec::Subscription& subscription : spec.subscriptions) {
    AFLUENTE_RETURN_IF_ERROR(ApplySubscription(spec.project, subscription, broker));
  }
  for (const spec::Dataset& dataset : spec.datasets) {
    AFLUENTE_RETURN_IF_ERROR(ApplyDataset(spec.project, dataset, catalog));
    for (const spec::Table& table : dataset.tables) {
      AFLUENTE_RETURN_IF_ERROR(catalog.EnsureTable(ToTableSchema(spec, dataset.name, table)));
    }
  }
  // Here from the start, so that queries may name it before the first dead letter.
  for (const spec::Function& function : spec.functions) {
    AFLUENTE_RETURN_IF_ERROR(catalog.EnsureTable(
        warehouse::DeadLetterTable({spec.project, function.dataset, "dead_letters"})));
  }
  return absl::OkStatus();
}

}  // namespace afluente::roles
