#include "function/dead_letter_draft.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"

namespace afluente::function {

event::Draft DeadLetterDraft(const event::Message& message, const std::string& topic,
                             const std::string& function, int64_t attempts) {
  const std::vector<std::string> parts = absl::StrSplit(topic, '/');  // projects/P/topics/T
  const absl::Time published =
      absl::FromUnixMicros(message.publish_time.time_since_epoch().count());
  event::Draft draft{message.data, message.attributes, message.ordering_key};
  // What a schema left there is the broker's to set, and no publisher's.
  std::erase_if(draft.attributes, [](const auto& each) { return each.first.starts_with("goog"); });
  const auto set = [&draft](std::string key, std::string value) {
    auto& attributes = draft.attributes;
    auto it = std::lower_bound(attributes.begin(), attributes.end(), key,
                               [](const auto& entry, const auto& k) { return entry.first < k; });
    if (it != attributes.end() && it->first == key) {
      it->second = std::move(value);
    } else {
      attributes.insert(it, {std::move(key), std::move(value)});
    }
  };
  set("CloudPubSubDeadLetterSourceDeliveryCount", absl::StrCat(attempts));
  set("CloudPubSubDeadLetterSourceSubscription", function);
  set("CloudPubSubDeadLetterSourceSubscriptionProject", parts.size() > 1 ? parts[1] : "");
  set("CloudPubSubDeadLetterSourceTopicPublishTime",
      absl::FormatTime("%Y-%m-%dT%H:%M:%E*SZ", published, absl::UTCTimeZone()));
  return draft;
}

}  // namespace afluente::function
