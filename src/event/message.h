#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host/clock.h"

namespace afluente::event {

// A message's attributes, sorted by key, keys unique.
using Attributes = std::vector<std::pair<std::string, std::string>>;

// The value of `key`, or nullptr.
inline const std::string* FindAttribute(const Attributes& attributes, std::string_view key) {
  auto it = std::lower_bound(attributes.begin(), attributes.end(), key,
                             [](const auto& entry, std::string_view k) { return entry.first < k; });
  return it != attributes.end() && it->first == key ? &it->second : nullptr;
}

// What a publisher gives: a Pub/Sub message before it has an id.
struct Draft {
  std::string data;
  Attributes attributes;
  std::string ordering_key;
};

// A published message, as Pub/Sub delivers it. `sequence` is its dense place in its topic
// incarnation, starting at 1.
struct Message {
  std::string data;
  Attributes attributes;
  std::string ordering_key;
  std::string message_id;
  host::WallTime publish_time{};
  uint64_t sequence = 0;
};

}  // namespace afluente::event
