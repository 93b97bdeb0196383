// The resources' side of EmbeddedBroker: topics, readers, subscriptions, consumers.
#include <utility>

#include "absl/strings/str_cat.h"
#include "broker/embedded_broker.h"
#include "broker/errors.h"
#include "broker/journal_reader.h"
#include "broker/keeper.h"
#include "broker/limits.h"
#include "broker/listing.h"
#include "broker/recorder.h"
#include "broker/schema_table.h"
#include "broker/state.h"
#include "broker/subscription.h"
#include "broker/topic.h"
#include "broker/transform_chain.h"
#include "event/filter.h"
#include "host/check.h"

namespace afluente::broker {
namespace {

class SubscriptionConsumer final : public Consumer {
 public:
  SubscriptionConsumer(std::shared_ptr<Subscription> subscription, ConsumerOptions options)
      : subscription_(std::move(subscription)), flow_(subscription_->OpenFlow(options)) {}
  ~SubscriptionConsumer() override { subscription_->CloseFlow(flow_, /*answer=*/false); }

  void Next(size_t messages_max, size_t bytes_max, Ready ready) override {
    subscription_->Next(flow_, messages_max, bytes_max, std::move(ready));
  }
  void Close() override { subscription_->CloseFlow(flow_, /*answer=*/true); }
  ConsumerProperties properties() const override { return subscription_->properties(); }

 private:
  const std::shared_ptr<Subscription> subscription_;
  const std::shared_ptr<Flow> flow_;
};

absl::Status CannotResume(std::string_view topic, const TopicPosition& resume,
                          std::string_view why) {
  return absl::OutOfRangeError(absl::StrCat("The position after message ", resume.sequence, " of ",
                                            std::string(topic), ", incarnation ",
                                            resume.incarnation, ", ", std::string(why), "."));
}

}  // namespace

absl::StatusOr<TopicSettings> EmbeddedBroker::CreateTopic(TopicSettings settings) {
  AFLUENTE_RETURN_IF_ERROR(CheckTopic(settings));
  if (settings.schema) {
    AFLUENTE_RETURN_IF_ERROR(CheckSchemaName(settings.schema->schema));
    AFLUENTE_RETURN_IF_ERROR(state_->schemas().CheckRange(*settings.schema));
  }
  AFLUENTE_RETURN_IF_ERROR(CheckCompiles(settings.transforms));
  // Saves a record; the answer that counts is the state's.
  if (state_->FindTopic(settings.name)) return ResourceExists(settings.name);
  AFLUENTE_RETURN_IF_ERROR(AppendAndWait(*recorder_, CreateTopicRecord{settings}));
  return settings;
}

absl::StatusOr<TopicSettings> EmbeddedBroker::UpdateTopic(TopicSettings settings) {
  AFLUENTE_RETURN_IF_ERROR(CheckTopic(settings));
  std::shared_ptr<Topic> topic = state_->FindTopic(settings.name);
  if (!topic) return ResourceNotFound(settings.name);
  if (settings.schema && settings.schema != topic->settings().schema) {
    AFLUENTE_RETURN_IF_ERROR(CheckSchemaName(settings.schema->schema));
    AFLUENTE_RETURN_IF_ERROR(state_->schemas().CheckRange(*settings.schema));
  }
  if (settings.transforms != topic->settings().transforms) {
    AFLUENTE_RETURN_IF_ERROR(CheckCompiles(settings.transforms));
  }
  AFLUENTE_RETURN_IF_ERROR(AppendAndWait(*recorder_, UpdateTopicRecord{settings}));
  return settings;
}

absl::Status EmbeddedBroker::DeleteTopic(std::string_view name) {
  AFLUENTE_RETURN_IF_ERROR(CheckTopicName(name));
  if (!state_->FindTopic(name)) return ResourceNotFound(name);
  return AppendAndWait(*recorder_, DeleteTopicRecord{std::string(name)});
}

absl::StatusOr<TopicSettings> EmbeddedBroker::GetTopic(std::string_view name) const {
  AFLUENTE_RETURN_IF_ERROR(CheckTopicName(name));
  std::shared_ptr<Topic> topic = state_->FindTopic(name);
  if (!topic) return ResourceNotFound(name);
  return topic->settings();
}

absl::StatusOr<Page<TopicSettings>> EmbeddedBroker::ListTopics(std::string_view project,
                                                               size_t page_size,
                                                               std::string_view page_token) const {
  AFLUENTE_ASSIGN_OR_RETURN(std::string prefix, ProjectPrefix(project, page_token));
  return state_->ListTopics(prefix, PageSize(page_size), page_token);
}

absl::StatusOr<Page<std::string>> EmbeddedBroker::ListTopicSubscriptions(
    std::string_view topic_name, size_t page_size, std::string_view page_token) const {
  AFLUENTE_RETURN_IF_ERROR(CheckTopicName(topic_name));
  std::shared_ptr<Topic> topic = state_->FindTopic(topic_name);
  if (!topic) return ResourceNotFound(topic_name);
  return state_->ListTopicSubscriptions(*topic, PageSize(page_size), page_token);
}

absl::StatusOr<std::unique_ptr<TopicReader>> EmbeddedBroker::OpenReader(
    std::string_view name, std::optional<TopicPosition> resume) {
  AFLUENTE_RETURN_IF_ERROR(CheckTopicName(name));
  // Held until the reader has pinned its place.
  absl::MutexLock lock(&keeper_->cleaning());
  if (resume) {
    AFLUENTE_ASSIGN_OR_RETURN(std::shared_ptr<Topic> topic, FindResumed(name, *resume));
    return std::make_unique<JournalReader>(*surroundings_, std::move(topic), resume->sequence);
  }
  std::shared_ptr<Topic> topic = state_->FindTopic(name);
  if (!topic) return ResourceNotFound(name);
  uint64_t before_first = topic->first_sequence() - 1;
  return std::make_unique<JournalReader>(*surroundings_, std::move(topic), before_first);
}

absl::StatusOr<std::shared_ptr<Topic>> EmbeddedBroker::FindResumed(
    std::string_view name, const TopicPosition& resume) const {
  if (resume.journal != journal_->identity()) {
    return absl::DataLossError(absl::StrCat("The position in ", std::string(name),
                                            " is of another journal: ", resume.journal,
                                            ", and this is ", journal_->identity(), "."));
  }
  std::shared_ptr<Topic> topic = state_->FindIncarnation(resume.incarnation);
  if (!topic || topic->name() != name)
    return CannotResume(name, resume, "is of an incarnation that does not exist");
  if (resume.sequence > topic->last_sequence()) {
    return absl::DataLossError(absl::StrCat("The position after message ", resume.sequence, " of ",
                                            std::string(name), " lies beyond the last one, ",
                                            topic->last_sequence(), "."));
  }
  if (resume.sequence + 1 < topic->first_sequence()) {
    return CannotResume(
        name, resume,
        absl::StrCat("lies before the first one retained, ", topic->first_sequence()));
  }
  return topic;
}

absl::StatusOr<SubscriptionSettings> EmbeddedBroker::CreateSubscription(
    SubscriptionSettings settings) {
  AFLUENTE_RETURN_IF_ERROR(CheckTopicName(settings.topic));
  if (settings.name.empty()) settings.name = RandomNameBeside(settings.topic, "subscriptions");
  AFLUENTE_RETURN_IF_ERROR(CheckSubscription(settings));
  AFLUENTE_RETURN_IF_ERROR(event::Filter::Parse(settings.filter).status());
  if (settings.detached) {
    return absl::InvalidArgumentError(
        absl::StrCat("A subscription cannot be created detached (resource=", settings.name, ")."));
  }
  AFLUENTE_RETURN_IF_ERROR(CheckDeadLetterTopic(settings));
  AFLUENTE_RETURN_IF_ERROR(CheckCompiles(settings.transforms));
  if (state_->FindSubscription(settings.name)) return ResourceExists(settings.name);
  if (!state_->FindTopic(settings.topic)) return ResourceNotFound(settings.topic);
  AFLUENTE_RETURN_IF_ERROR(AppendAndWait(*recorder_, CreateSubscriptionRecord{settings}));
  return GetSubscription(settings.name);
}

absl::StatusOr<SubscriptionSettings> EmbeddedBroker::UpdateSubscription(
    SubscriptionSettings settings) {
  AFLUENTE_RETURN_IF_ERROR(CheckSubscription(settings));
  std::shared_ptr<Subscription> subscription = state_->FindSubscription(settings.name);
  if (!subscription) return ResourceNotFound(settings.name);
  SubscriptionSettings before = subscription->settings();
  for (auto [same, field] :
       {std::pair(settings.topic == before.topic, "topic"),
        std::pair(settings.filter == before.filter, "filter"),
        std::pair(settings.enable_message_ordering == before.enable_message_ordering,
                  "enable_message_ordering"),
        std::pair(settings.detached == before.detached, "detached")}) {
    if (same) continue;
    return absl::InvalidArgumentError(absl::StrCat("The field ", field,
                                                   " of a subscription cannot be changed "
                                                   "(resource=",
                                                   settings.name, ")."));
  }
  // A policy whose topic was deleted since stands in no other change's way.
  if (settings.dead_letter_policy != before.dead_letter_policy)
    AFLUENTE_RETURN_IF_ERROR(CheckDeadLetterTopic(settings));
  if (settings.transforms != before.transforms)
    AFLUENTE_RETURN_IF_ERROR(CheckCompiles(settings.transforms));
  AFLUENTE_RETURN_IF_ERROR(AppendAndWait(*recorder_, UpdateSubscriptionRecord{settings}));
  return GetSubscription(settings.name);
}

absl::Status EmbeddedBroker::DetachSubscription(std::string_view name) {
  AFLUENTE_RETURN_IF_ERROR(CheckSubscriptionName(name));
  if (!state_->FindSubscription(name)) return ResourceNotFound(name);
  return AppendAndWait(*recorder_, DetachSubscriptionRecord{std::string(name)});
}

absl::Status EmbeddedBroker::CheckDeadLetterTopic(const SubscriptionSettings& settings) const {
  const auto& dead_letters = settings.dead_letter_policy;
  if (dead_letters && !state_->FindTopic(dead_letters->topic))
    return ResourceNotFound(dead_letters->topic);
  return absl::OkStatus();
}

absl::Status EmbeddedBroker::DeleteSubscription(std::string_view name) {
  AFLUENTE_RETURN_IF_ERROR(CheckSubscriptionName(name));
  if (!state_->FindSubscription(name)) return ResourceNotFound(name);
  return AppendAndWait(*recorder_, DeleteSubscriptionRecord{std::string(name)});
}

absl::StatusOr<SubscriptionSettings> EmbeddedBroker::GetSubscription(std::string_view name) const {
  AFLUENTE_RETURN_IF_ERROR(CheckSubscriptionName(name));
  std::shared_ptr<Subscription> subscription = state_->FindSubscription(name);
  if (!subscription) return ResourceNotFound(name);
  return subscription->settings();
}

absl::StatusOr<Page<SubscriptionSettings>> EmbeddedBroker::ListSubscriptions(
    std::string_view project, size_t page_size, std::string_view page_token) const {
  AFLUENTE_ASSIGN_OR_RETURN(std::string prefix, ProjectPrefix(project, page_token));
  return state_->ListSubscriptions(prefix, PageSize(page_size), page_token);
}

absl::StatusOr<std::unique_ptr<Consumer>> EmbeddedBroker::OpenConsumer(std::string_view name,
                                                                       ConsumerOptions options) {
  AFLUENTE_RETURN_IF_ERROR(CheckSubscriptionName(name));
  AFLUENTE_RETURN_IF_ERROR(CheckConsumerDeadline(options.ack_deadline));
  std::shared_ptr<Subscription> subscription = state_->FindSubscription(name);
  if (!subscription) return ResourceNotFound(name);
  if (subscription->detached()) return SubscriptionDetached(name);
  return std::make_unique<SubscriptionConsumer>(std::move(subscription), options);
}

void EmbeddedBroker::Acknowledge(std::string_view name, std::vector<std::string> ack_ids,
                                 Done done) {
  std::shared_ptr<Subscription> subscription = state_->FindSubscription(name);
  if (!subscription) {
    absl::Status bad = CheckSubscriptionName(name);
    done(bad.ok() ? ResourceNotFound(name) : bad);
    return;
  }
  if (absl::Status status = CheckAckIds(ack_ids); !status.ok()) return done(std::move(status));
  subscription->Acknowledge(ack_ids, std::move(done));
}

void EmbeddedBroker::ModifyAckDeadline(std::string_view name, std::vector<std::string> ack_ids,
                                       std::chrono::seconds deadline, Done done) {
  std::shared_ptr<Subscription> subscription = state_->FindSubscription(name);
  if (!subscription) {
    absl::Status bad = CheckSubscriptionName(name);
    done(bad.ok() ? ResourceNotFound(name) : bad);
  } else if (deadline < std::chrono::seconds(0) || deadline > kAckDeadlineMax) {
    done(absl::InvalidArgumentError(absl::StrCat("Invalid ack_deadline_seconds: ", deadline.count(),
                                                 " s, expected 0 s to 600 s.")));
  } else if (absl::Status bad = CheckAckIds(ack_ids); !bad.ok()) {
    done(std::move(bad));
  } else {
    done(subscription->ModifyAckDeadline(ack_ids, deadline));
  }
}

}  // namespace afluente::broker
