#pragma once

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"

namespace afluente::broker {

// The broker's answers, in Pub/Sub's codes and close to its words.
absl::Status ResourceNotFound(std::string_view name);
absl::Status ResourceExists(std::string_view name);
absl::Status SubscriptionDetached(std::string_view name);
absl::Status OtherTopic(std::string_view snapshot, std::string_view subscription);
absl::Status PublishQueueFull(uint64_t bytes_max);
// DATA_LOSS: what the journal or its snapshot says cannot be.
absl::Status JournalContradiction(std::string_view what);
absl::Status ConsumerClosed(std::string_view subscription);

}  // namespace afluente::broker
