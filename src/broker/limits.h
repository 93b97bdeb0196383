#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "broker/resources.h"
#include "event/message.h"

namespace afluente::broker {

struct SchemaRevision;

// Pub/Sub's limits ("Quotas and limits", "Resource limits" in Google's documentation).
inline constexpr size_t kPublishBytesMax = 10'000'000;  // of a message and of a request
inline constexpr size_t kPublishMessagesMax = 1000;
inline constexpr size_t kAttributesMax = 100;
inline constexpr size_t kAttributeKeyBytesMax = 256;
inline constexpr size_t kAttributeValueBytesMax = 1024;
inline constexpr size_t kOrderingKeyBytesMax = 1024;
inline constexpr size_t kAckIdsBytesMax = 512 << 10;
inline constexpr size_t kSchemaBytesMax = 300'000;
inline constexpr std::chrono::seconds kAckDeadlineMin{10};
inline constexpr std::chrono::seconds kAckDeadlineMax{600};

// INVALID_ARGUMENT naming the message and the limit it breaks. Sorts attributes by key.
absl::Status CheckBatch(std::vector<event::Draft>& batch);

// INVALID_ARGUMENT naming the resource, the field and what was expected.
absl::Status CheckTopicName(std::string_view name);
absl::Status CheckSubscriptionName(std::string_view name);
absl::Status CheckSnapshotName(std::string_view name);
absl::Status CheckSchemaName(std::string_view name);
// A name of any of these.
absl::Status CheckResourceName(std::string_view name);

// The same of settings, on creation and on update. UNIMPLEMENTED for what Google takes and Afluente
// would have to ignore.
absl::Status CheckTopic(const TopicSettings& settings);
absl::Status CheckSnapshot(const SnapshotSettings& settings);
absl::Status CheckSchema(const SchemaRevision& schema);
// An ack deadline of 0 becomes the default of 10 s.
absl::Status CheckSubscription(SubscriptionSettings& settings);
absl::Status CheckConsumerDeadline(std::chrono::seconds deadline);
// Of one acknowledge or modify request.
absl::Status CheckAckIds(const std::vector<std::string>& ack_ids);

bool IsValidUtf8(std::string_view text);

}  // namespace afluente::broker
