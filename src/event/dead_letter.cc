#include "event/dead_letter.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace afluente::event {
namespace {

void Set(Attributes& attributes, std::string key, std::string value) {
  auto it = std::lower_bound(attributes.begin(), attributes.end(), key,
                             [](const auto& entry, const auto& k) { return entry.first < k; });
  if (it != attributes.end() && it->first == key) {
    it->second = std::move(value);
  } else {
    attributes.insert(it, {std::move(key), std::move(value)});
  }
}

}  // namespace

Draft DeadLetterDraft(const Message& message, std::string_view project,
                      std::string_view subscription, int64_t attempts) {
  const absl::Time published =
      absl::FromUnixMicros(message.publish_time.time_since_epoch().count());
  Draft draft{message.data, message.attributes, message.ordering_key};
  Set(draft.attributes, "CloudPubSubDeadLetterSourceDeliveryCount", absl::StrCat(attempts));
  Set(draft.attributes, "CloudPubSubDeadLetterSourceSubscription", std::string(subscription));
  Set(draft.attributes, "CloudPubSubDeadLetterSourceSubscriptionProject", std::string(project));
  Set(draft.attributes, "CloudPubSubDeadLetterSourceTopicPublishTime",
      absl::FormatTime("%Y-%m-%dT%H:%M:%E3S+00:00", published, absl::UTCTimeZone()));
  return draft;
}

}  // namespace afluente::event
