#pragma once

#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "event/message.h"

namespace afluente::event {

// A compiled Pub/Sub subscription filter ("Filter messages from a subscription" in Pub/Sub's
// documentation): attributes:key, attributes.key = "v", !=, hasPrefix(attributes.key, "p"), NOT, -,
// AND, OR, parentheses. Immutable, so any thread may call Matches.
class Filter {
 public:
  // Matches everything.
  Filter();
  // INVALID_ARGUMENT gives the column and what was expected. An empty text matches everything.
  static absl::StatusOr<Filter> Parse(std::string_view text);

  bool Matches(const Attributes& attributes) const;

 private:
  struct Node;
  // Shared so that a Filter can be copied with the configuration that holds it.
  std::shared_ptr<const Node> root_;
};

}  // namespace afluente::event
