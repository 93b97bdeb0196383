#include "broker/limits.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "host/check.h"
#include "host/utf8.h"

namespace afluente::broker {
namespace {

absl::Status TooLong(size_t index, std::string_view what, size_t size, size_t max) {
  return absl::InvalidArgumentError(absl::StrCat("Message ", index, " has a ", std::string(what),
                                                 " that is too long: ", size,
                                                 " bytes, the limit is ", max, "."));
}

absl::Status BadMessage(size_t index, std::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("Message ", index, " ", std::string(what), "."));
}

// Google's clients send the trace context of a message so; what a schema says is the topic's to
// set.
bool IsClientsOwn(absl::string_view key) {
  return absl::StartsWith(key, "googclient_") && !absl::StartsWith(key, "googclient_schema");
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
    if (absl::StartsWith(key, "goog") && !IsClientsOwn(key)) {
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

absl::Status CheckAckIds(const std::vector<std::string>& ack_ids) {
  size_t bytes = 0;
  for (const std::string& each : ack_ids) bytes += each.size();
  if (bytes <= kAckIdsBytesMax) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "Request payload size exceeds the limit: ", kAckIdsBytesMax, " bytes of ack_ids."));
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

bool IsValidUtf8(std::string_view text) { return host::IsUtf8(text); }

}  // namespace afluente::broker
