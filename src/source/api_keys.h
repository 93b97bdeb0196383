#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace afluente::source {

// A key that may publish, and nothing else. What is kept is its hash.
struct ApiKey {
  std::string name;
  std::string sha256;               // 32 bytes
  std::vector<std::string> topics;  // short names; empty = every topic

  bool MayPublish(std::string_view topic) const;
};

// The entry whose key was presented, or nullptr. Takes the same time whichever it is.
const ApiKey* FindApiKey(const std::vector<ApiKey>& keys, std::string_view presented);

}  // namespace afluente::source
