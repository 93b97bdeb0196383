#include "broker/limits.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "host/check.h"

namespace afluente::broker {
namespace {

constexpr std::chrono::seconds kRetentionMin = std::chrono::minutes(10);
constexpr std::chrono::seconds kRetentionMax = std::chrono::hours(31 * 24);
constexpr std::chrono::seconds kExpirationMin = std::chrono::hours(24);
constexpr size_t kLabelsMax = 64;
constexpr size_t kFilterBytesMax = 256;
constexpr size_t kIdBytesMin = 3;
constexpr size_t kIdBytesMax = 255;

absl::Status TooLong(size_t index, std::string_view what, size_t size, size_t max) {
  return absl::InvalidArgumentError(absl::StrCat("Message ", index, " has a ", std::string(what),
                                                 " that is too long: ", size,
                                                 " bytes, the limit is ", max, "."));
}

absl::Status BadMessage(size_t index, std::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("Message ", index, " ", std::string(what), "."));
}

absl::Status CheckAttributes(size_t index, event::Attributes& attributes) {
  if (attributes.size() > kAttributesMax) {
    return BadMessage(index, absl::StrCat("has too many attributes: ", attributes.size(),
                                          ", the limit is ", kAttributesMax));
  }
  for (const auto& [key, value] : attributes) {
    if (key.empty()) return BadMessage(index, "has an attribute with an empty key");
    if (key.size() > kAttributeKeyBytesMax)
      return TooLong(index, "attribute key", key.size(), kAttributeKeyBytesMax);
    if (value.size() > kAttributeValueBytesMax)
      return TooLong(index, "attribute value", value.size(), kAttributeValueBytesMax);
    if (!IsValidUtf8(key) || !IsValidUtf8(value))
      return BadMessage(index, "has an attribute that is not valid UTF-8");
    if (absl::StartsWith(key, "goog")) {
      return BadMessage(index, absl::StrCat("has the attribute key \"", key,
                                            "\": keys that start with goog are reserved"));
    }
  }
  if (!std::is_sorted(attributes.begin(), attributes.end()))
    std::sort(attributes.begin(), attributes.end());
  auto same = std::adjacent_find(attributes.begin(), attributes.end(),
                                 [](const auto& a, const auto& b) { return a.first == b.first; });
  if (same != attributes.end())
    return BadMessage(index, absl::StrCat("has the attribute \"", same->first, "\" twice"));
  return absl::OkStatus();
}

absl::Status CheckMessage(size_t index, event::Draft& draft) {
  if (draft.data.empty() && draft.attributes.empty()) {
    return BadMessage(index,
                      "is empty: each message must contain either non-empty data, or at least one "
                      "attribute");
  }
  if (!draft.attributes.empty()) AFLUENTE_RETURN_IF_ERROR(CheckAttributes(index, draft.attributes));
  if (draft.ordering_key.size() > kOrderingKeyBytesMax)
    return TooLong(index, "ordering key", draft.ordering_key.size(), kOrderingKeyBytesMax);
  if (!IsValidUtf8(draft.ordering_key))
    return BadMessage(index, "has an ordering key that is not valid UTF-8");
  return absl::OkStatus();
}

bool IsIdCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
         std::string_view("-_.~+%").find(c) != std::string_view::npos;
}

bool IsResourceId(std::string_view id) {
  return id.size() >= kIdBytesMin && id.size() <= kIdBytesMax &&
         absl::ascii_isalpha(static_cast<unsigned char>(id[0])) && id.substr(0, 4) != "goog" &&
         std::all_of(id.begin(), id.end(), IsIdCharacter);
}

// "projects/P/KIND/ID" with a good ID.
bool IsName(std::string_view name, std::string_view kind) {
  constexpr std::string_view kProjects = "projects/";
  if (name.substr(0, kProjects.size()) != kProjects) return false;
  std::string_view rest = name.substr(kProjects.size());
  size_t slash = rest.find('/');
  if (slash == 0 || slash == std::string_view::npos || slash > kIdBytesMax) return false;
  if (!IsValidUtf8(rest.substr(0, slash))) return false;
  rest.remove_prefix(slash + 1);
  if (rest.substr(0, kind.size()) != kind) return false;
  rest.remove_prefix(kind.size());
  return !rest.empty() && rest[0] == '/' && IsResourceId(rest.substr(1));
}

absl::Status BadSetting(std::string_view resource, std::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat(std::string(what), " (resource=", std::string(resource), ")."));
}

absl::Status CheckRange(std::string_view resource, std::string_view field,
                        std::chrono::seconds value, std::chrono::seconds min,
                        std::chrono::seconds max) {
  if (value >= min && value <= max) return absl::OkStatus();
  return BadSetting(
      resource, absl::StrCat("Invalid ", std::string(field), ": ", value.count(), " s, expected ",
                             min.count(), " s to ", max.count(), " s"));
}

absl::Status CheckLabels(std::string_view resource,
                         const std::map<std::string, std::string>& labels) {
  if (labels.size() > kLabelsMax)
    return BadSetting(resource, absl::StrCat("Too many labels: the limit is ", kLabelsMax));
  for (const auto& [key, value] : labels) {
    if (key.empty() || key.size() > 63 || value.size() > 63 || !IsValidUtf8(key) ||
        !IsValidUtf8(value)) {
      return BadSetting(resource,
                        "Invalid label: a key has 1 to 63 bytes, a value at most 63, in UTF-8");
    }
  }
  return absl::OkStatus();
}

absl::Status BadName(std::string_view kind, std::string_view name) {
  return absl::InvalidArgumentError(
      absl::StrCat("Invalid [", std::string(kind), "] name: (name=", std::string(name),
                   "). Expected projects/PROJECT/", std::string(kind),
                   "/ID where ID has 3 to 255 of the characters A-Z a-z 0-9 - _ . ~ + %, starts "
                   "with a letter, and not with goog."));
}

}  // namespace

absl::Status CheckBatch(std::vector<event::Draft>& batch) {
  if (batch.empty() || batch.size() > kPublishMessagesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("The number of messages is out of range: the request has ", batch.size(),
                     ", expected 1 to ", kPublishMessagesMax, "."));
  }
  size_t bytes = 0;
  for (size_t i = 0; i < batch.size(); ++i) {
    AFLUENTE_RETURN_IF_ERROR(CheckMessage(i, batch[i]));
    bytes += batch[i].data.size() + batch[i].ordering_key.size();
    for (const auto& [key, value] : batch[i].attributes) bytes += key.size() + value.size();
  }
  if (bytes > kPublishBytesMax) {
    return absl::InvalidArgumentError(absl::StrCat("The request is too large: ", bytes,
                                                   " bytes, the limit is ", kPublishBytesMax, "."));
  }
  return absl::OkStatus();
}

absl::Status CheckTopicName(std::string_view name) {
  return IsName(name, "topics") ? absl::OkStatus() : BadName("topics", name);
}

absl::Status CheckSubscriptionName(std::string_view name) {
  return IsName(name, "subscriptions") ? absl::OkStatus() : BadName("subscriptions", name);
}

absl::Status CheckTopic(const TopicSettings& settings) {
  AFLUENTE_RETURN_IF_ERROR(CheckTopicName(settings.name));
  AFLUENTE_RETURN_IF_ERROR(CheckLabels(settings.name, settings.labels));
  if (!settings.message_retention) return absl::OkStatus();
  return CheckRange(settings.name, "message_retention_duration", *settings.message_retention,
                    kRetentionMin, kRetentionMax);
}

absl::Status CheckSubscription(SubscriptionSettings& settings) {
  AFLUENTE_RETURN_IF_ERROR(CheckSubscriptionName(settings.name));
  AFLUENTE_RETURN_IF_ERROR(CheckLabels(settings.name, settings.labels));
  if (settings.ack_deadline == std::chrono::seconds(0)) settings.ack_deadline = kAckDeadlineMin;
  AFLUENTE_RETURN_IF_ERROR(CheckRange(settings.name, "ack_deadline_seconds", settings.ack_deadline,
                                      kAckDeadlineMin, kAckDeadlineMax));
  AFLUENTE_RETURN_IF_ERROR(CheckRange(settings.name, "message_retention_duration",
                                      settings.message_retention, kRetentionMin, kRetentionMax));
  if (settings.filter.size() > kFilterBytesMax) {
    return BadSetting(settings.name, absl::StrCat("Invalid filter: it has ", settings.filter.size(),
                                                  " bytes, the limit is ", kFilterBytesMax));
  }
  if (settings.expiration_ttl && *settings.expiration_ttl != std::chrono::seconds(0)) {
    return CheckRange(settings.name, "expiration_policy.ttl", *settings.expiration_ttl,
                      kExpirationMin, std::chrono::hours(24 * 365 * 100));
  }
  return absl::OkStatus();
}

absl::Status CheckConsumerDeadline(std::chrono::seconds deadline) {
  if (deadline == std::chrono::seconds(0) ||
      (deadline >= kAckDeadlineMin && deadline <= kAckDeadlineMax)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("Invalid stream_ack_deadline_seconds: ", deadline.count(),
                   " s, expected 10 s to "
                   "600 s."));
}

bool IsValidUtf8(std::string_view text) {
  size_t i = 0;
  while (i < text.size()) {
    auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x80) {
      ++i;
      continue;
    }
    size_t follow = byte >= 0xf0 ? 3 : byte >= 0xe0 ? 2 : 1;
    if (byte < 0xc2 || byte > 0xf4 || i + follow >= text.size()) return false;
    uint32_t code = byte & (0x3f >> follow);
    for (size_t k = 1; k <= follow; ++k) {
      auto next = static_cast<unsigned char>(text[i + k]);
      if ((next & 0xc0) != 0x80) return false;
      code = code << 6 | (next & 0x3f);
    }
    bool overlong = (follow == 2 && code < 0x800) || (follow == 3 && code < 0x10000);
    if (overlong || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return false;
    i += follow + 1;
  }
  return true;
}

}  // namespace afluente::broker
