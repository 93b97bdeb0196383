#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "broker/resources.h"
#include "broker/topic_reader.h"

namespace afluente::broker {

// A page of a listing, ordered by name.
template <typename Item>
struct Page {
  std::vector<Item> items;
  std::string next_page_token;  // empty at the end
};

// Port: topics. Mutations block until they are on disk (call them off the I/O threads); reads do
// not. Errors: INVALID_ARGUMENT (a bad name or setting), NOT_FOUND, ALREADY_EXISTS, UNAVAILABLE.
class Topics {
 public:
  virtual ~Topics() = default;
  virtual absl::StatusOr<TopicSettings> CreateTopic(TopicSettings settings) = 0;
  virtual absl::StatusOr<TopicSettings> UpdateTopic(TopicSettings settings) = 0;
  virtual absl::Status DeleteTopic(std::string_view name) = 0;
  virtual absl::StatusOr<TopicSettings> GetTopic(std::string_view name) const = 0;
  virtual absl::StatusOr<Page<TopicSettings>> ListTopics(std::string_view project, size_t page_size,
                                                         std::string_view page_token) const = 0;
  virtual absl::StatusOr<Page<std::string>> ListTopicSubscriptions(
      std::string_view topic, size_t page_size, std::string_view page_token) const = 0;
  // The subscription gets nothing any more and its messages are dropped; it stays to be read and
  // deleted.
  virtual absl::Status DetachSubscription(std::string_view subscription) = 0;
  // For functions: `resume` must lie in the retained range of an incarnation that still exists
  // (OUT_OF_RANGE or DATA_LOSS otherwise); nullopt reads from the first retained message on.
  virtual absl::StatusOr<std::unique_ptr<TopicReader>> OpenReader(
      std::string_view topic, std::optional<TopicPosition> resume) = 0;
};

}  // namespace afluente::broker
