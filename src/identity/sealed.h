#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "host/clock.h"

namespace afluente::identity {

// Texts for cookies that nobody else can make: a JSON object, its purpose and its end under an
// HMAC. The key lives as long as the process. Any thread.
class Sealer {
 public:
  explicit Sealer(const host::Clock& clock);
  std::string Seal(std::string_view purpose, nlohmann::json content,
                   std::chrono::seconds life) const;
  // nullopt when it was not sealed here for `purpose`, or its time is over.
  std::optional<nlohmann::json> Open(std::string_view purpose, std::string_view sealed) const;

 private:
  int64_t Now() const;
  const host::Clock& clock_;
  const std::string key_;
};

}  // namespace afluente::identity
