#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "broker/topic_reader.h"
#include "host/check.h"

namespace afluente::function {

inline constexpr size_t kWalkMessages = 1 << 15;
inline constexpr size_t kWalkBytes = 8 << 20;

// Calls `visit` for each message in (after, through].
template <typename Visit>
absl::Status Walk(broker::TopicReader& reader, uint64_t after, uint64_t through, Visit visit) {
  while (after < through) {
    AFLUENTE_ASSIGN_OR_RETURN(auto batch, reader.Read(after, kWalkMessages, kWalkBytes));
    if (batch.empty()) {
      return absl::DataLossError("the journal ends before message " + std::to_string(through));
    }
    for (const auto& message : batch) {
      if (message->sequence > through) return absl::OkStatus();
      visit(*message);
      after = message->sequence;
    }
  }
  return absl::OkStatus();
}

// One message. Shared with the journal's memory.
inline absl::StatusOr<std::shared_ptr<const event::Message>> ReadOne(broker::TopicReader& reader,
                                                                     uint64_t sequence) {
  AFLUENTE_ASSIGN_OR_RETURN(auto batch, reader.Read(sequence - 1, 1, kWalkBytes));
  if (batch.empty()) {
    return absl::DataLossError("the journal ends before message " + std::to_string(sequence));
  }
  return batch.front();
}

}  // namespace afluente::function
