#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "broker/wire/translate.h"
#include "broker/wire/translate_resources.h"
#include "host/check.h"

namespace afluente::broker::wire {

// 0 asks for the server's choice; more than it gives is cut, as in Google's APIs (AIP-158).
inline absl::StatusOr<size_t> PageSize(int32_t asked) {
  constexpr int32_t kPageSizeDefault = 100;
  constexpr int32_t kPageSizeMax = 1000;
  if (asked < 0) return absl::InvalidArgumentError("page_size must not be negative.");
  if (asked == 0) return kPageSizeDefault;
  return asked < kPageSizeMax ? asked : kPageSizeMax;
}

// The protocol's message for settings, or the error in their place.
template <typename Settings>
auto Translated(const absl::StatusOr<Settings>& settings)
    -> absl::StatusOr<decltype(ToProto(*settings))> {
  if (!settings.ok()) return settings.status();
  return ToProto(*settings);
}

}  // namespace afluente::broker::wire
